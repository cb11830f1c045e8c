"""Reports that compilers and runtimes write, as plain data: parsed here, whoever made them."""
