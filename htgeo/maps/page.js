// The page: its controls, and what happens when the reader uses them.

const find = id => document.getElementById(id);
const canvas = find("canvas"), slider = find("slider"), tip = find("tip"), message = find("message"), play = find("play");
const state = {layer: null, observed: null, day: settings.days.length - 1, timer: null, turn: 0};
let map = null;

// Colours as the canvas keeps them: 0xAABBGGRR.
const packed = color => (0xff000000 | parseInt(color.slice(5, 7) + color.slice(3, 5) + color.slice(1, 3), 16)) >>> 0;

function showDay(day) {
  const last = settings.days.length - 1;
  state.day = Math.min(last, Math.max(0, day));
  slider.value = state.day;
  find("day").value = nameDay(state.day);
  slider.setAttribute("aria-valuetext", find("day").value);
  paint();
}

// Colour every place by its class on the day.
function paint() {
  const {layer, day} = state, count = places.ids.length, colors = new Uint32Array(count + 1);
  const byCode = Uint32Array.from([...layer.class_of, -1], own => packed(layer.colors[own] ?? settings.missing));
  for (let place = 0; place < count; place++) colors[place + 1] = byCode[codeOf(layer, place, day)];
  map.color(colors);
  if (map.selected >= 0) showCell();
  if (!tip.hidden) tip.hidden = true;
}

async function showLayer(index) {
  const turn = ++state.turn, layer = await loaded(index);
  if (turn !== state.turn) return;  // another one was chosen meanwhile
  state.layer = layer;
  find("about").textContent = layer.about;
  find("unit").textContent = {probability: "Probability", points: "Percentage points"}[layer.unit] ?? upper(layer.unit || (layer.kind === "number" ? "Number" : layer.title));
  const classes = layer.labels.map((label, i) => [label, layer.colors[i]]).reverse();
  if (layer.gaps) classes.push([layer.gap, settings.missing]);
  find("classes").replaceChildren(...classes.map(([label, color]) => {
    const item = element("li"), swatch = element("svg", "", {"aria-hidden": "true"});
    swatch.append(element("rect", "", {width: "100%", height: "100%", fill: color}));
    item.append(swatch, element("span", label));
    return item;
  }));
  paint();
}

function showCell() {
  find("cell-name").textContent = titleOf(map.selected);
  fillFacts(find("facts"), state.layer, map.selected, state.day);
  drawSeries(find("series"), state.layer, state.layer.observed ? null : state.observed, map.selected, state.day, showDay);
}

async function openCell(place) {
  map.selected = place;
  find("cell").hidden = false;
  tip.hidden = true;
  const observed = layers.findIndex(layer => layer.observed && layer.steps > 1);
  if (observed >= 0) state.observed = await loaded(observed);
  map.redraw();
  if (map.selected < 0) return;  // closed again meanwhile
  showCell();
  find("cell").scrollIntoView({block: "nearest"});
}

function closeCell() {
  if (find("cell").hidden) return;
  map.selected = -1;
  find("cell").hidden = true;
  canvas.focus({preventScroll: true});
  map.redraw();
}

function stop() {
  if (state.timer) clearInterval(state.timer);
  state.timer = null;
  play.textContent = "Play";
  find("day").setAttribute("aria-live", "polite");
}

function toggle() {
  if (state.timer) return stop();
  find("day").setAttribute("aria-live", "off");  // a reader of the screen is not told every day that passes
  play.textContent = "Stop";
  state.timer = setInterval(() => showDay((state.day + 1) % settings.days.length), 350);
}

function step(days) {
  stop();
  showDay(state.day + days);
}

function say(text) {
  message.textContent = text;
  if (text) setTimeout(() => { message.textContent = ""; }, 4000);
}

// Go to a cell by its id, or show an area by its name.
function search(event) {
  event.preventDefault();
  const asked = find("query").value.trim().toLowerCase();
  if (!asked) return;
  const place = places.ids.findIndex(id => id.toLowerCase() === asked);
  if (place >= 0) {
    map.fit(map.around([place]), 40 * map.width / 65535);
    openCell(place);
    find("cell").focus();
    return;
  }
  for (const area of places.areas) {
    const number = area.names.findIndex(name => name.toLowerCase() === asked);
    if (number >= 0) return map.fit(map.around(area.at.flatMap((own, i) => own === number ? [i] : [])), 1e9);
  }
  say("There is no place “" + find("query").value.trim() + "” on this map.");
}

// Pointers: one moves the map, two zoom it; one that did not move opens a place.
function listenToPointers() {
  const down = new Map();
  let moved = 0, apart = 0, opening = 0;
  const spread = () => { const [a, b] = [...down.values()]; return Math.hypot(a.offsetX - b.offsetX, a.offsetY - b.offsetY); };
  canvas.addEventListener("pointerdown", event => {
    canvas.setPointerCapture(event.pointerId);
    down.set(event.pointerId, event);
    if (down.size === 1) moved = 0;
    if (down.size === 2) apart = spread();
  });
  canvas.addEventListener("pointermove", event => {
    const before = down.get(event.pointerId);
    if (!before) return hover(event);
    const [dx, dy] = [event.offsetX - before.offsetX, event.offsetY - before.offsetY];
    moved += Math.abs(dx) + Math.abs(dy);
    down.set(event.pointerId, event);
    if (moved < 5) return;
    tip.hidden = true;
    map.pan(dx / down.size, dy / down.size);
    if (down.size === 2) {
      const [a, b] = [...down.values()], now = spread();
      map.zoom(now / apart, (a.offsetX + b.offsetX) / 2, (a.offsetY + b.offsetY) / 2);
      apart = now;
    }
  });
  const up = event => {
    const place = map.placeAt(event.offsetX, event.offsetY);
    clearTimeout(opening);  // of two clicks neither opens a place: they show all
    if (event.type === "pointerup" && down.size === 1 && moved < 5 && place >= 0) opening = setTimeout(openCell, 220, place);
    down.delete(event.pointerId);
  };
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", up);
  canvas.addEventListener("pointerleave", () => { tip.hidden = true; });
  canvas.addEventListener("wheel", event => {
    event.preventDefault();
    map.zoom(2 ** (-event.deltaY * (event.deltaMode ? 0.05 : 0.002)), event.offsetX, event.offsetY);
  }, {passive: false});
  canvas.addEventListener("dblclick", () => { clearTimeout(opening); map.fit(map.home()); });
}

function hover(event) {
  const place = map.placeAt(event.offsetX, event.offsetY);
  tip.hidden = place < 0 || event.pointerType === "touch";
  if (tip.hidden) return;
  fillTip(tip, state.layer, place, state.day);
  const right = event.offsetX + tip.offsetWidth + 18 > map.width;
  const low = Math.min(event.offsetY + 14, map.height - tip.offsetHeight - 4);
  tip.style.transform = `translate(${right ? event.offsetX - tip.offsetWidth - 12 : event.offsetX + 14}px, ${Math.max(4, low)}px)`;
}

// Keys on the map.
function onKey(event) {
  const keys = {
    ArrowLeft: () => step(-1), ArrowRight: () => step(1), ArrowUp: () => step(7), ArrowDown: () => step(-7),
    "+": () => map.zoom(1.5), "=": () => map.zoom(1.5), "-": () => map.zoom(1 / 1.5), 0: () => map.fit(map.home()),
    Enter: () => { const place = map.placeAt(map.width / 2, map.height / 2); if (place >= 0) openCell(place); else say("No place lies in the middle of the map: move or zoom it."); },
  };
  if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
}

function listen() {
  slider.addEventListener("input", () => { stop(); showDay(Number(slider.value)); });
  find("back").addEventListener("click", () => step(-1));
  find("next").addEventListener("click", () => step(1));
  play.addEventListener("click", toggle);
  find("layer").addEventListener("change", event => showLayer(Number(event.target.value)));
  find("search").addEventListener("submit", search);
  find("close").addEventListener("click", closeCell);
  find("closer").addEventListener("click", () => map.zoom(1.5));
  find("farther").addEventListener("click", () => map.zoom(1 / 1.5));
  find("all").addEventListener("click", () => map.fit(map.home()));
  canvas.addEventListener("keydown", onKey);
  addEventListener("keydown", event => { if (event.key === "Escape") closeCell(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => map.redraw());
  new ResizeObserver(() => { map.resize(); if (map.selected >= 0) showCell(); }).observe(canvas);
  listenToPointers();
}

// The controls, made from what the page carries.
function furnish() {
  slider.max = settings.days.length - 1;
  for (const id of ["slider", "steps"]) find(id).hidden = settings.days.length === 1;
  find("layer").append(...layers.map((layer, i) => element("option", layer.title, {value: i})));
  find("layer").parentElement.hidden = layers.length === 1;
  const names = places.areas.flatMap(area => area.names.filter(Boolean));
  find("areas").append(...names.map(value => element("option", "", {value})));
  settings.lines.forEach((name, i) => {
    const label = element("label"), box = element("input", "", {type: "checkbox"});
    box.checked = map.lines[i].on;
    box.addEventListener("change", () => { map.lines[i].on = box.checked; map.redraw(); });
    label.append(box, element("span", name));
    find("lines").append(label);
  });
  find("credit").hidden = !settings.tiles;
}

async function start() {
  if (typeof DecompressionStream === "undefined") {
    message.textContent = "This browser is too old to unpack the map: it needs Chrome or Edge 80, Firefox 113, Safari 16.4, or newer.";
    return;
  }
  const [shapes, names, ...lines] = await Promise.all(["shapes", "places", ...settings.lines.map((_, i) => "lines-" + i)].map(unpack));
  places = JSON.parse(new TextDecoder().decode(names));
  map = new CellMap(canvas, readRings(shapes), settings.plane);
  map.lines = lines.map((bytes, i) => ({rings: readRings(bytes), on: i === 0}));
  furnish();
  map.resize();
  await showLayer(0);
  showDay(state.day);
  message.textContent = "";
  map.after = () => {  // once: the first picture stands when the next frame begins
    map.after = () => {};
    requestAnimationFrame(() => { performance.mark("first picture"); document.documentElement.dataset.ready = "yes"; });
  };
  listen();
  if (settings.reasons) {
    const {width, steps} = settings.reasons;
    reasons = {...settings.reasons, codes: readCodes(await unpack("reasons"), width, steps)};
  }
}

start().catch(error => { message.textContent = "The map cannot be shown: " + error.message; });
