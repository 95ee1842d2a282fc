// The map: which place each pixel shows is worked out when the view changes; a day is then one look-up a pixel.
// Neighbours share the points of their border, so every pixel belongs to exactly one place: no seams, no overlaps.

const MOST_PIXELS = 9e6;

class CellMap {
  constructor(canvas, rings, plane) {
    Object.assign(this, {canvas, rings, plane, lines: [], selected: -1, palette: new Uint32Array(1), after: () => {}});
    this.pen = canvas.getContext("2d");
    this.sheet = document.createElement("canvas");
    this.fine = this.sheet.getContext("2d");
    this.tiles = new Map();
    this.boxes = this.findBoxes();
    this.stale = this.waiting = false;
  }

  // West, north, east and south end of each place, in steps of the plane.
  findBoxes() {
    const {owner, length, x, y} = this.rings, count = owner.reduce((most, place) => Math.max(most, place), 0) + 1;
    const boxes = new Float64Array(4 * count);
    for (let i = 0; i < count; i++) boxes.set([Infinity, Infinity, -Infinity, -Infinity], 4 * i);
    for (let ring = 0, at = 0; ring < owner.length; at += length[ring++]) {
      const b = 4 * owner[ring];
      for (let p = at; p < at + length[ring]; p++) {
        boxes[b] = Math.min(boxes[b], x[p]); boxes[b + 1] = Math.min(boxes[b + 1], y[p]);
        boxes[b + 2] = Math.max(boxes[b + 2], x[p]); boxes[b + 3] = Math.max(boxes[b + 3], y[p]);
      }
    }
    return boxes;
  }

  // The box around some places.
  around(chosen) {
    const box = [Infinity, Infinity, -Infinity, -Infinity], b = this.boxes;
    for (const i of chosen) {
      box[0] = Math.min(box[0], b[4 * i]); box[1] = Math.min(box[1], b[4 * i + 1]);
      box[2] = Math.max(box[2], b[4 * i + 2]); box[3] = Math.max(box[3], b[4 * i + 3]);
    }
    return box;
  }

  // Fit the canvas to its element. It is drawn at two pixels a CSS pixel at least, so that borders are smooth.
  resize() {
    const {clientWidth: width, clientHeight: height} = this.canvas;
    if (!width || !height) return;
    const dots = Math.max(1, devicePixelRatio), finest = Math.sqrt(MOST_PIXELS / (width * height));
    const middle = this.view && [this.view.x + this.width / 2 / this.view.k, this.view.y + this.height / 2 / this.view.k];
    Object.assign(this, {width, height, dots, scale: Math.min(Math.max(2, dots), finest)});
    this.canvas.width = Math.round(width * dots);
    this.canvas.height = Math.round(height * dots);
    this.sheet.width = Math.round(width * this.scale);
    this.sheet.height = Math.round(height * this.scale);
    this.image = this.fine.createImageData(this.sheet.width, this.sheet.height);
    this.pixels = new Uint32Array(this.image.data.buffer);
    this.shown = new Uint32Array(this.pixels.length);
    if (!this.view || this.fitted) this.fit(this.home());
    else this.look(middle[0] - width / 2 / this.view.k, middle[1] - height / 2 / this.view.k, this.view.k);
  }

  home() {
    return this.around(Array(this.boxes.length / 4).keys());
  }

  // Show a box, or everything.
  fit(box, most = Infinity) {
    const margin = 18, wide = box[2] - box[0] || 1, high = box[3] - box[1] || 1;
    const k = Math.min((this.width - 2 * margin) / wide, (this.height - 2 * margin) / high, most);
    this.look((box[0] + box[2] - this.width / k) / 2, (box[1] + box[3] - this.height / k) / 2, k);
    this.fitted = most === Infinity;
  }

  // Set the view: the plane's steps at the upper left corner, and CSS pixels a step.
  look(x, y, k) {
    const least = 0.4 * Math.min(this.width, this.height) / 65535;
    this.view = {x, y, k: Math.min(Math.max(k, least), 4)};
    this.fitted = false;
    this.stale = true;
    this.redraw();
  }

  pan(dx, dy) {
    this.look(this.view.x - dx / this.view.k, this.view.y - dy / this.view.k, this.view.k);
  }

  // Zoom about a point of the canvas.
  zoom(factor, px = this.width / 2, py = this.height / 2) {
    const {x, y, k} = this.view, east = x + px / k, south = y + py / k;
    this.look(x, y, k * factor);
    this.look(east - px / this.view.k, south - py / this.view.k, this.view.k);
  }

  // One picture a frame, however often it is asked for.
  redraw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => { this.waiting = false; this.draw(); });
  }

  // Colours of the places, 0xAABBGGRR; they are shown by one look-up a pixel.
  color(colors) {
    this.palette = colors;
    this.redraw();
  }

  // Work out the place of each pixel (0: none), ring by ring and row by row.
  fill() {
    const {x, y, k} = this.view, {owner, length, x: xs, y: ys} = this.rings, s = k * this.scale;
    const wide = this.sheet.width, high = this.sheet.height, rows = this.rows ??= [];
    while (rows.length < high) rows.push([]);
    const span = {east: wide / s, south: high / s};
    this.shown.fill(0);
    for (let ring = 0, at = 0, end; ring < owner.length;) {
      const own = owner[ring], b = 4 * own, box = this.boxes;
      const seen = box[b + 2] >= x && box[b + 3] >= y && box[b] <= x + span.east && box[b + 1] <= y + span.south;
      let top = high, bottom = -1;
      for (; ring < owner.length && owner[ring] === own; at = end, ring++) {
        end = at + length[ring];
        if (!seen) continue;
        for (let p = at; p < end; p++) {
          const q = p + 1 < end ? p + 1 : at, up = ys[p] <= ys[q] ? p : q, down = up === p ? q : p;
          const y0 = (ys[up] - y) * s, y1 = (ys[down] - y) * s, x0 = (xs[up] - x) * s;
          const first = Math.max(0, Math.ceil(y0 - 0.5)), last = Math.min(high - 1, Math.ceil(y1 - 0.5) - 1);
          if (first > last) continue;
          const slope = (xs[down] - xs[up]) / (ys[down] - ys[up]);
          for (let row = first; row <= last; row++) rows[row].push(x0 + (row + 0.5 - y0) * slope);
          if (first < top) top = first;
          if (last > bottom) bottom = last;
        }
      }
      for (let row = top; row <= bottom; row++) this.fillRow(row * wide, wide, rows[row], own + 1);
    }
    this.stale = false;
  }

  // Fill a row between the borders that cross it, two by two.
  fillRow(base, wide, crossings, value) {
    if (crossings.length > 2) crossings.sort((a, b) => a - b);
    for (let i = 0; i + 1 < crossings.length; i += 2) {
      const a = Math.min(crossings[i], crossings[i + 1]), b = Math.max(crossings[i], crossings[i + 1]);
      const from = Math.max(0, Math.ceil(a - 0.5)), to = Math.min(wide, Math.ceil(b - 0.5));
      if (from < to) this.shown.fill(value, base + from, base + to);
    }
    crossings.length = 0;
  }

  draw() {
    if (!this.view) return;
    if (this.stale) this.fill();
    const {pen, pixels, shown, palette} = this;
    for (let i = 0; i < pixels.length; i++) pixels[i] = palette[shown[i]];
    this.fine.putImageData(this.image, 0, 0);
    pen.setTransform(this.dots, 0, 0, this.dots, 0, 0);
    pen.clearRect(0, 0, this.width, this.height);
    if (settings.tiles) this.drawTiles();
    pen.globalAlpha = settings.tiles ? 0.72 : 1;
    pen.drawImage(this.sheet, 0, 0, this.width, this.height);
    pen.globalAlpha = 1;
    this.drawLines();
    this.drawBar();
    this.after();
  }

  // Put all rings of a set, or those of one place, on the pen.
  trace(rings, only = -1) {
    const {x, y, k} = this.view, {pen} = this;
    pen.beginPath();
    for (let ring = 0, at = 0; ring < rings.owner.length; at += rings.length[ring++]) {
      if (only >= 0 && rings.owner[ring] !== only) continue;
      pen.moveTo((rings.x[at] - x) * k, (rings.y[at] - y) * k);
      for (let p = at + 1; p < at + rings.length[ring]; p++) pen.lineTo((rings.x[p] - x) * k, (rings.y[p] - y) * k);
      if (rings.length[ring] > 2) pen.closePath();
    }
  }

  drawLines() {
    const {pen} = this, style = getComputedStyle(document.documentElement);
    pen.lineJoin = pen.lineCap = "round";
    this.lines.forEach((line, i) => {
      if (!line.on) return;
      this.trace(line.rings);
      pen.strokeStyle = style.getPropertyValue("--outline");
      pen.lineWidth = i === 0 ? 1.4 : 0.7;
      pen.stroke();
    });
    if (this.selected < 0) return;
    this.trace(this.rings, this.selected);
    for (const [color, width] of [["#ffffff", 5], ["#005ea8", 2.6]]) {
      pen.strokeStyle = color;
      pen.lineWidth = width;
      pen.stroke();
    }
  }

  // A bar of a round number of kilometres.
  drawBar() {
    const {pen, view, plane} = this, steps = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500];
    const most = 120 * plane.km / view.k, km = steps.filter(step => step <= most).pop() ?? steps[0];
    const long = km / plane.km * view.k, style = getComputedStyle(document.documentElement);
    const right = this.width - 64, y = this.height - 20;
    pen.globalAlpha = 0.8;
    pen.fillStyle = style.getPropertyValue("--paper");
    pen.fillRect(right - long - 8, y - 22, long + 16, 30);
    pen.globalAlpha = 1;
    pen.strokeStyle = pen.fillStyle = style.getPropertyValue("--ink");
    pen.lineWidth = 1.5;
    pen.beginPath();
    pen.moveTo(right - long, y - 5); pen.lineTo(right - long, y); pen.lineTo(right, y); pen.lineTo(right, y - 5);
    pen.stroke();
    pen.font = "12px system-ui, sans-serif";
    pen.textAlign = "center";
    pen.fillText(km < 1 ? 1000 * km + " m" : km + " km", right - long / 2, y - 7);
  }

  // The street map below, only where the author of the page asked for it: tiles of the zoom that fits the view.
  drawTiles() {
    const {west, north, step} = this.plane, {x, y, k} = this.view, world = 2 * Math.PI;
    const zoom = Math.max(0, Math.min(19, Math.round(Math.log2(world * k / step / 256)))), size = world / 2 ** zoom;
    const left = west + x * step + Math.PI, top = Math.PI - (north - y * step);
    for (let i = Math.floor(left / size); i * size < left + this.width / k * step; i++) {
      for (let j = Math.floor(top / size); j * size < top + this.height / k * step; j++) {
        const tile = this.tile(`https://a.basemaps.cartocdn.com/light_all/${zoom}/${i}/${j}@2x.png`);
        const side = size / step * k;
        if (tile.complete && tile.naturalWidth) this.pen.drawImage(tile, (i * size - left) / step * k, (j * size - top) / step * k, side + 0.5, side + 0.5);
      }
    }
  }

  tile(address) {
    if (!this.tiles.has(address)) {
      const image = new Image();
      image.onload = () => this.redraw();
      image.src = address;
      this.tiles.set(address, image);
    }
    return this.tiles.get(address);
  }

  // The place under a point of the canvas, -1 where there is none.
  placeAt(px, py) {
    const column = Math.floor(px * this.scale), row = Math.floor(py * this.scale);
    if (column < 0 || row < 0 || column >= this.sheet.width || row >= this.sheet.height) return -1;
    return this.shown[row * this.sheet.width + column] - 1;
  }
}
