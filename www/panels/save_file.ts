// Hands a file to the person, or asks them where to write it.

export function saveFile(file: Blob, name: string) {
  const address = URL.createObjectURL(file);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

interface SavePicker {
  showSaveFilePicker?(options: {
    suggestedName: string;
    types: { description: string; accept: Record<string, string[]> }[];
  }): Promise<FileSystemFileHandle>;
}

/** Where to write a zip file, piece by piece; undefined where the browser cannot ask. */
export async function saveStream(name: string): Promise<WritableStream | "cancelled" | undefined> {
  const picker = globalThis as SavePicker;
  if (!picker.showSaveFilePicker) return;
  const types = [{ description: "GraySAM project", accept: { "application/zip": [".zip"] } }];
  try {
    return await (await picker.showSaveFilePicker({ suggestedName: name, types })).createWritable();
  } catch (error) {
    if (error instanceof Error && error.name === "AbortError") return "cancelled";
    // Not allowed here: it becomes a download.
    return;
  }
}
