// How well the rest of an image is found, against the number of objects that are labelled.
// node tests/bench/learning_curve.js DIR MODEL draws docs/pictures/learning_curve.svg and prints its numbers as a table. DIR
// holds images NAME.png with NAME_labels.png, the numbers of all objects in 16 bits. GRAYSAM_BIN is the command line.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { decode, encode } from "fast-png";

const COUNTS = [1, 2, 3, 5, 10, 20];
/** Pixels of the smallest object that is taken as an example. */
const SMALLEST = 50;
const PICTURE = "docs/pictures/learning_curve.svg";

/** @typedef {{ap50: number, msa: number}} Scores */

const [folder, model] = process.argv.slice(2);
if (!folder || !model) throw new Error("Name the folder of the data and the model: learning_curve.js DIR MODEL.");
const names = readdirSync(folder)
  .filter((name) => name.endsWith("_labels.png"))
  .map((name) => name.slice(0, -"_labels.png".length))
  .sort();
if (names.length === 0) throw new Error(`${folder} holds no NAME_labels.png beside a NAME.png.`);

/** Runs the command line. @param {string[]} options */
function graysam(...options) {
  return JSON.parse(execFileSync(process.env.GRAYSAM_BIN ?? "target/release/graysam", options, { encoding: "utf8", maxBuffer: 1 << 28 }));
}

/** Numbers in 0..1, the same for the same name. @param {string} name */
function randomOf(name) {
  let state = [...name].reduce((sum, letter) => (Math.imul(sum, 31) + letter.charCodeAt(0)) | 0, 1);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    const mixed = Math.imul(state ^ (state >>> 15), state | 1);
    const again = mixed ^ (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61));
    return ((again ^ (again >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The objects that may be examples, in an order by chance. @param {string} name @param {ArrayLike<number>} labels */
function shuffled(name, labels) {
  const areas = /** @type {Map<number, number>} */ (new Map());
  for (const id of Array.from(labels)) if (id) areas.set(id, (areas.get(id) ?? 0) + 1);
  const ids = [...areas].filter(([, area]) => area >= SMALLEST).map(([id]) => id);
  const random = randomOf(name);
  return ids
    .sort((a, b) => a - b)
    .map((id) => ({ id, place: random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ id }) => id);
}

/** The scores of an image with each number of examples, 0 being automatic masks. @param {string} name @param {string} work */
function scoresOf(name, work) {
  const [image, labels] = [join(folder, `${name}.png`), join(folder, `${name}_labels.png`)];
  const truth = decode(readFileSync(labels));
  const order = shuffled(name, truth.data);
  const [found, examples] = [join(work, "found.tif"), join(work, "examples.png")];
  return [0, ...COUNTS].map((count) => {
    // Of an image with fewer objects some have to be left to be found.
    const chosen = new Set(order.slice(0, Math.min(count, Math.floor(order.length / 2))));
    const given = count > 0 ? ["--examples", examples] : [];
    if (count > 0) {
      const data = Uint16Array.from(truth.data, (id) => (chosen.has(id) ? id : 0));
      writeFileSync(examples, encode({ width: truth.width, height: truth.height, data, depth: 16, channels: 1 }));
    }
    graysam("find", "--model", model, "--image", image, ...given, "--out", found);
    const { ap50, msa } = graysam("evaluate", "--labels", labels, "--found", found, ...given);
    console.error(
      `${name}, ${count === 0 ? "automatic masks" : `${chosen.size} examples`}: AP50 ${ap50.toFixed(3)}, mSA ${msa.toFixed(3)}`,
    );
    return /** @type {Scores} */ ({ ap50, msa });
  });
}

/** @param {Scores[]} scores @returns {Scores} */
function mean(scores) {
  const sum = (/** @type {keyof Scores} */ key) => scores.reduce((total, score) => total + score[key], 0) / scores.length;
  return { ap50: sum("ap50"), msa: sum("msa") };
}

/** @param {Scores[]} means automatic masks first */
function table([automatic, ...means]) {
  const row = (/** @type {string} */ what, /** @type {Scores} */ { ap50, msa }) => `| ${what} | ${ap50.toFixed(2)} | ${msa.toFixed(2)} |`;
  const rows = means.map((score, i) => row(`${COUNTS[i]} labelled`, score));
  return ["| | AP50 | mSA |", "|---|---|---|", row("automatic masks", automatic), ...rows].join("\n");
}

/** Heights of lines of text, moved down so that none covers another. @param {number[]} heights */
function apart(heights) {
  const order = heights.map((_, i) => i).sort((a, b) => heights[a] - heights[b]);
  const moved = [...heights];
  let free = 0;
  for (const i of order) {
    moved[i] = Math.max(heights[i], free);
    free = moved[i] + 16;
  }
  return moved;
}

/** @param {Scores[]} means automatic masks first */
function drawing([automatic, ...means]) {
  const [width, height, left, right, top, bottom] = [640, 360, 56, 130, 24, 52];
  const x = (/** @type {number} */ count) => left + (Math.log(count) / Math.log(20)) * (width - left - right);
  const y = (/** @type {number} */ score) => height - bottom - score * (height - top - bottom);
  const at = (/** @type {number} */ a, /** @type {number} */ b) => `${a.toFixed(1)},${b.toFixed(1)}`;
  const grid = [0, 0.2, 0.4, 0.6, 0.8, 1].map(
    (score) =>
      `<line x1="${left}" x2="${width - right}" y1="${y(score)}" y2="${y(score)}" stroke="#ddd"/>` +
      `<text x="${left - 8}" y="${y(score) + 4}" text-anchor="end">${score}</text>`,
  );
  const ticks = COUNTS.map((count) => `<text x="${x(count)}" y="${height - bottom + 20}" text-anchor="middle">${count}</text>`);
  const last = means[means.length - 1];
  const names = apart([y(last.ap50), y(automatic.ap50), y(last.msa), y(automatic.msa)]);
  const curve = (
    /** @type {keyof Scores} */ key,
    /** @type {string} */ name,
    /** @type {string} */ colour,
    /** @type {number[]} */ [own, other],
  ) => {
    const points = means.map((score, i) => at(x(COUNTS[i]), y(score[key])));
    const circles = means.map((score, i) => `<circle cx="${x(COUNTS[i])}" cy="${y(score[key])}" r="4" fill="${colour}"/>`);
    return [
      `<line x1="${left}" x2="${width - right}" y1="${y(automatic[key])}" y2="${y(automatic[key])}" stroke="${colour}" stroke-dasharray="6 4"/>`,
      `<text x="${width - right + 8}" y="${other + 4}" fill="${colour}">${name}, automatic</text>`,
      `<polyline points="${points.join(" ")}" fill="none" stroke="${colour}" stroke-width="2"/>`,
      ...circles,
      `<text x="${width - right + 8}" y="${own + 4}" fill="${colour}">${name}</text>`,
    ].join("\n");
  };
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="13" fill="#333">
<rect width="${width}" height="${height}" fill="#fff"/>
${grid.join("\n")}
${ticks.join("\n")}
<text x="${(left + width - right) / 2}" y="${height - 10}" text-anchor="middle">labelled objects</text>
${curve("ap50", "AP50", "#0b6e99", names.slice(0, 2))}
${curve("msa", "mSA", "#b3541e", names.slice(2))}
</svg>
`;
}

const work = mkdtempSync(join(tmpdir(), "graysam-"));
try {
  const all = names.map((name) => scoresOf(name, work));
  const means = [0, ...COUNTS].map((_, i) => mean(all.map((scores) => scores[i])));
  writeFileSync(PICTURE, drawing(means));
  console.log(table(means));
} finally {
  rmSync(work, { recursive: true });
}
