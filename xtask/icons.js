// Draws www/icon.svg as the PNG files that phones and desktops ask for: `node xtask/icons.js` after the drawing was
// changed. It knows what that file uses: a rounded square, and closed paths of cubic curves.

import { readFileSync, writeFileSync } from "node:fs";
import { encode } from "fast-png";

/** @typedef {[x: number, y: number]} Point */
/** @typedef {{ points: Point[], fill: string, stroke?: string, width: number, box: number[] }} Shape */

const FOLDER = new URL("../www/", import.meta.url);
/** Points on a curve. */
const STEPS = 24;
/** Samples along a side of a pixel. */
const SAMPLES = 4;
/** Bare: the square reaches to the edges, for systems that cut it to their own shape. */
const ICONS = [
  { name: "icon-192.png", size: 192, bare: false },
  { name: "icon-512.png", size: 512, bare: false },
  { name: "icon-maskable.png", size: 512, bare: true },
  { name: "apple-touch-icon.png", size: 180, bare: true },
];

/** @param {string} element @param {string} name */
function attribute(element, name) {
  return element.match(new RegExp(`\\s${name}="([^"]*)"`))?.[1];
}

/** The corners of a closed path. @param {string} path @returns {Point[]} */
function flattened(path) {
  /** @type {Point[]} */
  const points = [];
  let [x, y] = [0, 0];
  let [bx, by] = [0, 0];
  for (const [, command, list] of path.matchAll(/([Mcsz])([^Mcsz]*)/g)) {
    const numbers = (list.match(/-?[\d.]+/g) ?? []).map(Number);
    if (command === "M") [x, y] = numbers;
    if (command === "M") points.push([x, y]);
    const each = command === "c" ? 6 : 4;
    for (let i = 0; (command === "c" || command === "s") && i < numbers.length; i += each) {
      // A smooth curve goes on in the direction of the one before.
      const handle = command === "c" ? numbers.slice(i, i + 2) : [x - bx, y - by];
      const [cx, cy, dx, dy] = numbers.slice(i + each - 4, i + each);
      for (let step = 1; step <= STEPS; step++) {
        const t = step / STEPS;
        const [a, b, c] = [3 * t * (1 - t) ** 2, 3 * t ** 2 * (1 - t), t ** 3];
        points.push([x + a * handle[0] + b * cx + c * dx, y + a * handle[1] + b * cy + c * dy]);
      }
      [bx, by] = [x + cx, y + cy];
      [x, y] = [x + dx, y + dy];
    }
  }
  return points;
}

/** Even-odd. @param {Point[]} points @param {number} x @param {number} y */
function inside(points, x, y) {
  let odd = false;
  let [x0, y0] = points[points.length - 1];
  for (const [x1, y1] of points) {
    if (y0 > y !== y1 > y && x < x0 + ((y - y0) / (y1 - y0)) * (x1 - x0)) odd = !odd;
    [x0, y0] = [x1, y1];
  }
  return odd;
}

/** How far a point is from an outline. @param {Point[]} points @param {number} x @param {number} y */
function distance(points, x, y) {
  let least = Infinity;
  let [x0, y0] = points[points.length - 1];
  for (const [x1, y1] of points) {
    const [dx, dy] = [x1 - x0, y1 - y0];
    const along = Math.min(1, Math.max(0, ((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy || 1)));
    least = Math.min(least, (x - x0 - along * dx) ** 2 + (y - y0 - along * dy) ** 2);
    [x0, y0] = [x1, y1];
  }
  return Math.sqrt(least);
}

/** @param {number} side @param {number} radius of the corners @param {number} x @param {number} y */
function inSquare(side, radius, x, y) {
  const past = (/** @type {number} */ at) => Math.max(0, Math.abs(at - side / 2) - (side / 2 - radius));
  return Math.hypot(past(x), past(y)) <= radius;
}

/** @param {string} svg */
function parsed(svg) {
  const [square] = svg.match(/<rect [^>]*>/) ?? [];
  const side = Number(attribute(square ?? "", "width"));
  if (!square || !side) throw new Error("www/icon.svg does not begin with a square.");
  const shapes = (svg.match(/<path [^>]*>/g) ?? []).map((path) => {
    const width = Number(attribute(path, "stroke-width") ?? 0);
    const points = flattened(attribute(path, "d") ?? "");
    const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
    const box = [Math.min(...xs) - width, Math.min(...ys) - width, Math.max(...xs) + width, Math.max(...ys) + width];
    return { points, fill: attribute(path, "fill") ?? "", stroke: attribute(path, "stroke"), width, box };
  });
  return { side, radius: Number(attribute(square, "rx")), ground: attribute(square, "fill") ?? "", shapes };
}

/** @param {string} colour */
function rgb(colour) {
  const digits = colour.slice(1).replace(/^(.)(.)(.)$/, "$1$1$2$2$3$3");
  return [0, 2, 4].map((at) => parseInt(digits.slice(at, at + 2), 16));
}

/** The colour at a point; undefined: none. @param {ReturnType<typeof parsed>} icon @param {boolean} bare @param {number} x @param {number} y */
function colourAt({ side, radius, ground, shapes }, bare, x, y) {
  if (!bare && !inSquare(side, radius, x, y)) return undefined;
  const colourOf = (/** @type {Shape} */ { points, fill, stroke, width, box }) => {
    if (x < box[0] || y < box[1] || x > box[2] || y > box[3]) return undefined;
    if (stroke && distance(points, x, y) <= width / 2) return stroke;
    return inside(points, x, y) ? fill : undefined;
  };
  return shapes.reduce((below, shape) => colourOf(shape) ?? below, ground);
}

/** @param {ReturnType<typeof parsed>} icon @param {number} size @param {boolean} bare */
function drawn(icon, size, bare) {
  const channels = bare ? 3 : 4;
  const data = new Uint8Array(size * size * channels);
  for (let pixel = 0; pixel < size * size; pixel++) {
    const sum = [0, 0, 0];
    let covered = 0;
    for (let sample = 0; sample < SAMPLES ** 2; sample++) {
      const x = (pixel % size) + ((sample % SAMPLES) + 0.5) / SAMPLES;
      const y = Math.floor(pixel / size) + (Math.floor(sample / SAMPLES) + 0.5) / SAMPLES;
      const colour = colourAt(icon, bare, (x * icon.side) / size, (y * icon.side) / size);
      if (!colour) continue;
      covered += 1;
      rgb(colour).forEach((value, i) => (sum[i] += value));
    }
    sum.forEach((value, i) => (data[pixel * channels + i] = Math.round(value / Math.max(1, covered))));
    if (!bare) data[pixel * channels + 3] = Math.round((255 * covered) / SAMPLES ** 2);
  }
  return encode({ width: size, height: size, data, channels, depth: 8 });
}

const icon = parsed(readFileSync(new URL("icon.svg", FOLDER), "utf8"));
for (const { name, size, bare } of ICONS) writeFileSync(new URL(name, FOLDER), drawn(icon, size, bare));
