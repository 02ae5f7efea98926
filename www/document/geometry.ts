// Places in an image, in its pixels: x to the right, y down.

export interface Point {
  x: number;
  y: number;
}

export interface Box {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

/** A rectangle of whole pixels; x1 and y1 lie just outside. */
export type PixelBox = Box;

/** The smallest box that holds both. */
export function union(a: PixelBox, b: PixelBox | undefined): PixelBox;
export function union(a: PixelBox | undefined, b: PixelBox | undefined): PixelBox | undefined;
export function union(a: PixelBox | undefined, b: PixelBox | undefined) {
  if (!a || !b) return a ?? b;
  return {
    x0: Math.min(a.x0, b.x0),
    y0: Math.min(a.y0, b.y0),
    x1: Math.max(a.x1, b.x1),
    y1: Math.max(a.y1, b.y1),
  };
}

export function intersection(a: PixelBox, b: PixelBox): PixelBox | undefined {
  const [x0, y0] = [Math.max(a.x0, b.x0), Math.max(a.y0, b.y0)];
  const [x1, y1] = [Math.min(a.x1, b.x1), Math.min(a.y1, b.y1)];
  return x0 < x1 && y0 < y1 ? { x0, y0, x1, y1 } : undefined;
}

/** Whether all of the second box is in the first one. */
export function holds(outer: PixelBox, inner: PixelBox) {
  return inner.x0 >= outer.x0 && inner.y0 >= outer.y0 && inner.x1 <= outer.x1 && inner.y1 <= outer.y1;
}

export function sameBox(a: PixelBox | undefined, b: PixelBox | undefined) {
  return a === b || (a !== undefined && b !== undefined && holds(a, b) && holds(b, a));
}
