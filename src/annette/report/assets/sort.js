// Tables whose cells have keys sort by a column when its heading is pressed, and the other way round the next time.
for (const table of document.querySelectorAll("table.sorts")) {
  const cells = [...table.tHead.rows[0].cells];
  const key = (row, column) => JSON.parse(row.cells[column].dataset.key);
  // What is not known stands last, whichever way.
  const compare = (a, b, sign) => {
    if (a === null || b === null) return (a === null) - (b === null);
    return sign * (typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b);
  };
  cells.forEach((cell, column) => {
    const button = document.createElement("button");
    const arrow = document.createElement("span");
    arrow.ariaHidden = "true";
    button.type = "button";
    button.append(...cell.childNodes, arrow);
    cell.append(button);
    button.addEventListener("click", () => {
      const sign = cell.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      for (const other of cells) {
        other.removeAttribute("aria-sort");
        other.querySelector("span").textContent = "";
      }
      cell.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
      arrow.textContent = sign > 0 ? " ▴" : " ▾";
      const rows = [...table.tBodies[0].rows];
      table.tBodies[0].append(...rows.sort((a, b) => compare(key(a, column), key(b, column), sign)));
    });
  });
}
