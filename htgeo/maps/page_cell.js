// One place: what is said of it under the pointer, and its panel with the series over the days.

const dayText = new Intl.DateTimeFormat("en-GB", {weekday: "long", day: "numeric", month: "long", year: "numeric", timeZone: "UTC"});
const shortDay = new Intl.DateTimeFormat("en-GB", {day: "numeric", month: "short", year: "numeric", timeZone: "UTC"});
const dateOf = day => new Date(settings.days[day] + "T00:00:00Z");
const nameDay = day => settings.step + (settings.step ? shortDay : dayText).format(dateOf(day));
const upper = text => text.charAt(0).toUpperCase() + text.slice(1);

// A rank that more places share than this says nothing: of counts, most are zero.
const MOST_TIES = 0.1;

function element(name, text = "", attributes = {}) {
  const svg = ["svg", "path", "line", "rect", "text"].includes(name);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

const titleOf = place => upper(settings.space) + " " + places.ids[place];

// Terms and texts of a place on a day.
function factsOf(layer, place, day) {
  const code = codeOf(layer, place, day), facts = [];
  for (const area of places.areas) {
    const name = area.names[area.at[place]];
    if (name) facts.push([upper(area.layer), name]);
  }
  facts.push([layer.title, textOf(layer, code)]);
  if (layer.kind === "number" && code < layer.book.length) {
    const {first, last, known} = rankOf(layer, place, day), show = number => number.toLocaleString("en");
    const shared = last > first ? " to " + show(last) : "";
    if (last - first < known * MOST_TIES) facts.push(["Rank", show(first) + shared + " of " + show(known)]);
  }
  const why = layer.explained ? reasonsOf(place, day) : [];
  for (const [term, raises] of [["Raised by", true], ["Lowered by", false]]) {
    const words = why.filter(reason => reason[1] === raises).map(reason => reason[0]);
    if (words.length) facts.push([term, words.join("; ")]);
  }
  return facts;
}

// The text under the pointer.
function fillTip(tip, layer, place, day) {
  tip.replaceChildren(element("strong", titleOf(place)));
  for (const [term, text] of factsOf(layer, place, day)) tip.append(element("div", term + ": " + text));
}

function fillFacts(list, layer, place, day) {
  list.replaceChildren();
  for (const [term, text] of factsOf(layer, place, day)) list.append(element("dt", term), element("dd", text));
}

// The series of a place: a line, or a strip of colours where the layer has no order; events that were observed below.
function drawSeries(box, layer, observed, place, day, choose) {
  const days = settings.days.length;
  box.replaceChildren();
  if (days < 2 || layer.steps < 2) return;
  const wide = Math.max(240, box.clientWidth), high = 190, left = 46, right = 8, top = 10, floor = 138, count = layer.book.length;
  const at = i => left + (wide - left - right) * (i + 0.5) / days, codes = settings.days.map((_, i) => codeOf(layer, place, i));
  const svg = element("svg", "", {viewBox: `0 0 ${wide} ${high}`, role: "img", "aria-label": summary(layer, codes)});
  const known = codes.filter(code => code < count).map(code => layer.book[code]);
  if (layer.kind === "number" && known.length) drawLine(svg, layer, codes, known, {at, left, right: wide - right, top, floor});
  if (layer.kind !== "number") drawStrip(svg, layer, codes, at, (wide - left - right) / days, top, floor);
  for (const [i, anchor] of [[0, "start"], [days - 1, "end"]]) {
    svg.append(element("text", shortDay.format(dateOf(i)), {x: i ? wide - right : left, y: high - 6, "text-anchor": anchor}));
  }
  svg.append(element("line", "", {class: "now", x1: at(day), x2: at(day), y1: top, y2: floor + 20}));
  const seen = observed ? drawMarks(svg, observed, place, at, floor + 8) : null;
  svg.addEventListener("click", event => {
    const x = (event.clientX - svg.getBoundingClientRect().left) * wide / svg.clientWidth;
    choose(Math.min(days - 1, Math.max(0, Math.floor((x - left) / (wide - left - right) * days))));
  });
  box.append(svg, element("p", summary(layer, codes)));
  if (seen !== null) box.append(element("p", `▲ ${observed.title}: ${Number(seen.toPrecision(2))} in these days`));
}

function drawLine(svg, layer, codes, known, {at, left, right, top, floor}) {
  const low = Math.min(0, ...known), high = Math.max(0, ...known), span = high - low || 1;
  const y = value => floor - (floor - top) * (value - low) / span;
  for (const value of new Set([low, 0, high])) {
    svg.append(element("line", "", {class: "axis", x1: left, x2: right, y1: y(value), y2: y(value)}));
    svg.append(element("text", value ? numberText(layer, value, true) : "0", {x: left - 5, y: y(value) + 4, "text-anchor": "end"}));
  }
  const seen = i => codes[i] < layer.book.length;  // false before the first step and after the last
  let path = "", alone = "";
  codes.forEach((code, i) => {
    if (!seen(i)) return;
    const point = at(i).toFixed(1) + " " + y(layer.book[code]).toFixed(1);
    path += (seen(i - 1) ? "L" : "M") + point;
    if (!seen(i - 1) && !seen(i + 1)) alone += "M" + point + "h0";  // a dot, as one step makes no line
  });
  svg.append(element("path", "", {class: "line", d: path}), element("path", "", {class: "dots", d: alone}));
}

function drawStrip(svg, layer, codes, at, wide, top, floor) {
  codes.forEach((code, i) => {
    const fill = layer.colors[layer.class_of[code]] ?? settings.missing;
    svg.append(element("rect", "", {x: at(i) - wide / 2, y: top + 40, width: wide + 0.3, height: floor - top - 40, fill}));
  });
}

// A triangle on each day with events; returns their sum.
function drawMarks(svg, observed, place, at, y) {
  let sum = 0, path = "";
  settings.days.forEach((_, i) => {
    const value = observed.book[codeOf(observed, place, i)] || 0;
    if (value > 0) path += `M${at(i).toFixed(1)} ${y}l4 8h-8z`;
    sum += value;
  });
  svg.append(element("path", "", {class: "mark", d: path}));
  return sum;
}

// The series in words, for everyone and for screen readers.
function summary(layer, codes) {
  const count = layer.book.length, known = codes.filter(code => code < count);
  if (!known.length) return layer.title + ": " + layer.gap + (settings.step ? "" : " on these days");
  if (layer.kind !== "number") {
    const days = new Map();
    for (const code of known) days.set(textOf(layer, code), (days.get(textOf(layer, code)) || 0) + 1);
    return layer.title + ": " + [...days].map(([label, number]) => `${label} on ${number}`).join(", ") + " of " + codes.length + (settings.step ? " steps" : " days");
  }
  const high = Math.max(...known), low = Math.min(...known), missing = codes.length - known.length;
  const rest = missing && settings.step ? `; ${layer.gap} in ${missing} of ${codes.length} steps` : "";
  if (high === low) return layer.title + ": " + textOf(layer, low) + (settings.step ? rest : " on every day that is known");
  return `${layer.title}: from ${textOf(layer, low)} to ${textOf(layer, high)}, highest on ${shortDay.format(dateOf(codes.indexOf(high)))}${rest}`;
}
