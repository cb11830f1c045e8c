// What all parts of the report share: its data, what is selected and filtered, texts of numbers, and elements.

const DATA = JSON.parse(document.getElementById("data").textContent);

// Okabe and Ito's colours, which people of all kinds of colour vision tell apart
// (Color Universal Design, https://jfly.uni-koeln.de/color/); whatever kinds come after the seven heaviest are grey.
const COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442"];
const OTHER_COLOUR = "#8a8f98";
const OVERHEAD_COLOUR = "#b9bdc6";

const state = { estimate: 0, selected: -1, hovered: -1, text: "", kind: "", bound: "", module: [], outside: false };
const listeners = [];

// Tells every part of the report what has changed: "estimate", "filter", "selected" or "hovered".
function changed(what, source) {
  for (const listener of listeners) listener(what, source);
}

function select(number, source) {
  state.selected = number;
  changed("selected", source);
}

function hover(number, source) {
  if (state.hovered === number) return;
  state.hovered = number;
  changed("hovered", source);
}

function filter(part) {
  Object.assign(state, part);
  changed("filter");
}

function threeDigits(value) {
  if (Math.abs(value) >= 1000) return value.toFixed(0);
  return value.toPrecision(3).replace(/\.$/, "");
}

function scaled(value, units) {
  for (const [scale, unit] of units) if (Math.abs(value) >= 0.9995 * scale) return `${threeDigits(value / scale)} ${unit}`;
  return "";
}

const TIMES = [[1, "s"], [1e-3, "ms"], [1e-6, "µs"], [1e-9, "ns"]];
const COUNTS = [[1e15, "P"], [1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]];

const seconds = (value) => (value === 0 ? "0 s" : scaled(value, TIMES) || `${threeDigits(value * 1e9)} ns`);
const count = (value) => scaled(value, COUNTS) || (value >= 1 || value === 0 ? value.toFixed(0) : value.toPrecision(2));
const size = (value) => scaled(value, [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]]) || `${value.toFixed(0)} B`;
const words = (name) => name.replaceAll("_", " ");
// Shares that would be rounded to nothing keep a digit.
const percent = (share) => `${share > 0 && share < 5e-4 ? (100 * share).toPrecision(1) : (100 * share).toFixed(1)} %`;
const rate = (value, unit) => `${count(value)}${/\s/.test(count(value)) ? "" : " "}${unit}`;
const plural = (number, what) => `${number.toLocaleString("en")} ${what}${number === 1 ? "" : "s"}`;

function shortened(text, length) {
  if (text.length <= length) return text;
  const kept = (length - 1) >> 1;
  return `${text.slice(0, kept)}…${text.slice(-kept)}`;
}

// From 0 to at most `most`, at 1, 2 or 5 times a power of ten.
function roundSteps(most, wanted) {
  const power = 10 ** Math.floor(Math.log10(most / wanted));
  const step = power * [1, 2, 5, 10].find((factor) => most / (power * factor) <= wanted);
  return Array.from({ length: Math.floor(most / step) + 1 }, (_, number) => number * step);
}

// An element; properties that it does not have are attributes. Texts are never taken for HTML.
function element(tag, properties, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

const byId = (id) => document.getElementById(id);

// Colours of the page's style by their names; asking the browser for each mark would take most of the time of drawing.
const palette = new Map();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => palette.clear());

function colour(name) {
  if (!palette.has(name)) palette.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  return palette.get(name);
}

// The kernels of an estimate as objects, with what follows from their numbers.
function unpacked(estimate) {
  const text = (number) => DATA.strings[number];
  let start = 0;
  return estimate.kernels.map((row, number) => {
    const kernel = Object.fromEntries(DATA.fields.map((field, column) => [field, row[column]]));
    for (const field of ["kind", "bound", "method"]) kernel[field] = text(kernel[field]);
    for (const field of ["rules", "module"]) kernel[field] = kernel[field].map(text);
    kernel.number = number;
    kernel.alive = estimate.memory.alive[number] ?? null;
    kernel.start = start;
    start += kernel.latency;
    kernel.share = estimate.kernels_s > 0 ? kernel.latency / estimate.kernels_s : 0;
    // What computing alone takes longer because dimensions do not fill what the device unrolls, as far as it is felt:
    // where bytes take longer still, nothing is lost.
    kernel.lost = Math.max(0, kernel.compute - Math.max(kernel.compute * kernel.efficiency, kernel.memory));
    kernel.searched = [kernel.name, kernel.kind, ...kernel.layers, ...kernel.rules, kernel.module.join(".")]
      .join("\n").toLowerCase();
    return kernel;
  });
}

const known = new Map();

// The estimate that is looked at: its kernels, kinds by time, and a colour for each kind.
function current() {
  if (!known.has(state.estimate)) {
    const estimate = DATA.estimates[state.estimate];
    const kernels = unpacked(estimate);
    const kinds = new Map();
    for (const kernel of kernels) {
      const kind = kinds.get(kernel.kind) || { name: kernel.kind, time: 0, count: 0 };
      kind.time += kernel.latency;
      kind.count += 1;
      kinds.set(kernel.kind, kind);
    }
    const costly = kernels.filter((kernel) => kernel.latency > 0);
    known.set(state.estimate, { ...estimate, kernels, costly, kinds: [...kinds.values()].sort((a, b) => b.time - a.time) });
  }
  return known.get(state.estimate);
}

// Kinds keep their colour from one platform to the next: it goes by their time on all of them.
const KIND_COLOURS = (() => {
  const times = new Map();
  for (const estimate of DATA.estimates) {
    for (const row of estimate.kernels) {
      const kind = DATA.strings[row[DATA.fields.indexOf("kind")]];
      times.set(kind, (times.get(kind) || 0) + row[DATA.fields.indexOf("latency")] / estimate.kernels_s);
    }
  }
  const heaviest = [...times].sort((a, b) => b[1] - a[1]).slice(0, COLOURS.length);
  return new Map(heaviest.map(([kind], rank) => [kind, COLOURS[rank]]));
})();

const kindColour = (kind) => KIND_COLOURS.get(kind) || OTHER_COLOUR;

function passes(kernel) {
  return (
    (!state.kind || kernel.kind === state.kind) &&
    (!state.bound || kernel.bound === state.bound) &&
    (!state.outside || !kernel.in_range) &&
    state.module.every((part, depth) => kernel.module[depth] === part) &&
    (!state.text || kernel.searched.includes(state.text))
  );
}

const filtered = () => Boolean(state.text || state.kind || state.bound || state.module.length || state.outside);

// Black or white, whichever can be read on a colour (relative luminance of WCAG 2, without its gamma).
function inkOn(hex) {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 120 ? "#000" : "#fff";
}
