// In which visits WebGPU was given up. The browser keeps it, so that a GPU that is lost in each visit is left alone for
// some days.

const KEPT = "graysam-gpu";
/** Visits in which it was given up, after which it is not tried. */
const VISITS = 3;
/** Milliseconds for which a visit counts; drivers and browsers are renewed. */
const LASTING = 7 * 24 * 3600 * 1000;

interface Kept {
  /** What the engine calls the device. */
  device: string;
  /** When it was given up, in milliseconds since 1970. */
  visits: number[];
}

/** Nothing, where the browser keeps nothing or something else stands there. */
function readKept(): Kept | undefined {
  try {
    const { device, visits } = JSON.parse(localStorage.getItem(KEPT) ?? "");
    if (typeof device !== "string" || !Array.isArray(visits)) return;
    const recent = visits.filter((when) => typeof when === "number" && Math.abs(Date.now() - when) < LASTING);
    return { device, visits: recent };
  } catch {
    return undefined;
  }
}

export class GpuRecord {
  /** Why WebGPU is better not tried, as a sentence; undefined: it may be. */
  get warning() {
    const { device, visits = [] } = readKept() ?? {};
    if (visits.length < VISITS) return;
    return `${device} was lost again and again in earlier visits, so the CPU is used; “Try the GPU again” takes it all the same.`;
  }

  /** The next visit tries it. */
  forget() {
    try {
      localStorage.removeItem(KEPT);
    } catch {
      // Nothing is kept.
    }
  }

  /** WebGPU is given up for this visit. @param device what the engine calls it */
  givenUp(device: string) {
    const kept = readKept();
    const visits = kept?.device === device ? kept.visits : [];
    try {
      localStorage.setItem(KEPT, JSON.stringify({ device, visits: [...visits, Date.now()] }));
    } catch {
      // The next visit tries it.
    }
  }
}
