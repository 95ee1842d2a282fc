// What the page carries, unpacked: each block is zlib-compressed, written as base64 in an element of its own.

const settings = JSON.parse(document.getElementById("settings").textContent);

async function unpack(name) {
  const text = atob(document.getElementById("data-" + name).textContent);
  const packed = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) packed[i] = text.charCodeAt(i);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Codes (row, step): low bytes of all, then high bytes; each the difference to the step before. Sums wrap as they should.
function readCodes(bytes, width, steps) {
  const size = bytes.length / width, codes = width === 1 ? bytes : new Uint16Array(size);
  if (width === 2) for (let i = 0; i < size; i++) codes[i] = bytes[i] | (bytes[size + i] << 8);
  for (let i = 0; i < size; i++) if (i % steps) codes[i] += codes[i - 1];
  return codes;
}

// Rings: their number, the place and the length of each, then how far each point lies from the one before, all x and all y.
function readRings(bytes) {
  const count = new DataView(bytes.buffer).getUint32(0, true);
  const owner = new Uint32Array(bytes.buffer, 4, count), length = new Uint32Array(bytes.buffer, 4 + 4 * count, count);
  const steps = new Uint16Array(bytes.buffer, 4 + 8 * count), size = steps.length / 2;
  for (let i = 1; i < 2 * size; i++) if (i !== size) steps[i] += steps[i - 1];
  return {owner, length, x: steps.subarray(0, size), y: steps.subarray(size)};
}

// A layer with its codes; unpacked when it is first asked for.
const layers = settings.layers.map(facts => ({...facts, codes: null}));

async function loaded(index) {
  const layer = layers[index];
  if (!layer.codes) layer.codes = readCodes(await unpack("layer-" + index), layer.width, layer.steps);
  return layer;
}

// The code of a place on a day; a layer without days has one step.
const codeOf = (layer, place, day) => layer.codes[place * layer.steps + (layer.steps === 1 ? 0 : day)];

// A number as people read it, two significant digits; `bare` leaves its unit out.
function numberText(layer, value, bare = false) {
  const two = number => Number(number.toPrecision(2)).toString().replace("-", "\u2212");
  if (layer.unit === "probability") return two(100 * value) + " %";
  const sign = layer.unit === "points" && value > 0 ? "+" : "", number = two(layer.unit === "points" ? 100 * value : value);
  return sign + number + (layer.unit && !bare ? " " + layer.unit : "");
}

function textOf(layer, code) {
  if (code >= layer.book.length) return layer.gap;
  return layer.kind === "number" ? numberText(layer, layer.book[code]) : layer.labels[layer.class_of[code]] ?? layer.gap;
}

// First and last place in the order of the day, and how many are known: equal values share their places.
function rankOf(layer, place, day) {
  const own = codeOf(layer, place, day), missing = layer.book.length;
  let above = 0, same = 0, known = 0;
  for (let other = 0; other < places.ids.length; other++) {
    const code = codeOf(layer, other, day);
    if (code >= missing) continue;
    known += 1;
    if (code > own) above += 1;
    if (code === own) same += 1;
  }
  return {first: above + 1, last: above + same, known};
}

let places = null, reasons = null;

// What moves the forecast of a place on a day most: [words, whether it raises it].
function reasonsOf(place, day) {
  if (!reasons) return [];
  const found = [];
  for (let k = 0; k < reasons.count; k++) {
    const code = reasons.codes[(k * places.ids.length + place) * reasons.steps + day];
    if (code < 2 * reasons.words.length) found.push([reasons.words[code >> 1], code % 2 === 1]);
  }
  return found;
}
