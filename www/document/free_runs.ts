// What of found objects is free in a label map, and the change that gives it to new objects, in steps.

import { boxOfRun, type Change } from "./changes.js";
import { type PixelBox, union } from "./geometry.js";
import type { LabelMap } from "./label_map.js";
import { NumberList } from "./number_list.js";
import { isObject, WRONG_LENGTH } from "./runs.js";
import { RUN_COST, STEP, type Steps } from "./slices.js";

/** What is to be added to a label map. */
export interface Addition {
  /** Of the label map, for which it was made. */
  version: number;
  /** The numbers that the objects get, by those that they were found with. */
  numbers: Map<number, number>;
  /** The largest number of an object when they are there. */
  largest: number;
  /** Undefined: nothing is to be added. */
  change: Change | undefined;
}

interface FreeRuns {
  /** As of a `Change`, with the found objects' own numbers. */
  runs: Uint32Array<ArrayBuffer>;
  /** Free pixels of each found object that has any. */
  areas: Map<number, number>;
}

/**
 * Gives new numbers to found objects, and what is free of their pixels.
 * @param found runs of width * height numbers, see `pack`; those of another length are refused
 * @param smallest an object with fewer free pixels is left out
 */
export function* additionOf(labels: LabelMap, found: Uint32Array, smallest: number): Steps<Addition> {
  const { version } = labels;
  const free = yield* freeRuns(labels, found);
  const numbers = new Map<number, number>();
  let largest = Math.max(0, ...labels.numbers);
  for (const [id, area] of free.areas) if (area >= smallest) numbers.set(id, ++largest);
  const change = yield* changeOf(free, numbers, labels.width);
  return { version, numbers, largest, change };
}

function* freeRuns({ values }: LabelMap, found: Uint32Array): Steps<FreeRuns> {
  const runs = new NumberList();
  const areas = new Map<number, number>();
  let [start, work] = [0, 0];
  for (let i = 0; i + 1 < found.length; i += 2) {
    const [end, id] = [start + found[i], found[i + 1]];
    if (end > values.length) throw new Error(WRONG_LENGTH);
    for (let from = start; id && from < end; from += STEP) {
      const to = Math.min(end, from + STEP);
      const area = addFree(values, from, to, id, runs);
      if (area) areas.set(id, (areas.get(id) ?? 0) + area);
      work += to - from;
      if (work < STEP) continue;
      work = 0;
      yield;
    }
    work += RUN_COST;
    start = end;
  }
  if (start !== values.length) throw new Error(WRONG_LENGTH);
  return { runs: runs.take(), areas };
}

/** Adds the free runs of a run to a list. @returns how many pixels they have */
function addFree(values: Uint32Array, from: number, end: number, id: number, runs: NumberList) {
  let area = 0;
  for (let i = from; i < end;) {
    const before = values[i];
    if (isObject(before)) {
      i += 1;
      continue;
    }
    const start = i;
    while (i < end && values[i] === before) i += 1;
    runs.add(start, i - start, before, id);
    area += i - start;
  }
  return area;
}

/** The change that gives free runs to objects. @param numbers by those of the found ones; others are left out */
function* changeOf({ runs }: FreeRuns, numbers: ReadonlyMap<number, number>, width: number): Steps<Change | undefined> {
  const given = new NumberList();
  let box: PixelBox | undefined;
  for (let at = 0; at < runs.length; at += 4) {
    if ((at * RUN_COST) % STEP === 0) yield;
    const number = numbers.get(runs[at + 3]);
    if (!number) continue;
    given.add(runs[at], runs[at + 1], runs[at + 2], number);
    box = union(boxOfRun(runs[at], runs[at + 1], width), box);
  }
  return box && { runs: given.take(), box };
}
