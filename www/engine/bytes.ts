// Bytes that come or go piece by piece.

export function joined(pieces: readonly Uint8Array[]) {
  const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

export async function readFile(file: Blob) {
  try {
    return new Uint8Array(await file.arrayBuffer());
  } catch {
    throw new Error("The file cannot be read any more; it was changed, moved or deleted. Open it again.");
  }
}

/** A file that is written piece by piece: the browser may keep blobs on the disk, where pieces would fill the memory. */
export async function inPieces(write: (sink: (piece: Uint8Array<ArrayBuffer>) => void) => Promise<void>) {
  const pieces: Blob[] = [];
  await write((piece) => pieces.push(new Blob([piece])));
  return new Blob(pieces);
}
