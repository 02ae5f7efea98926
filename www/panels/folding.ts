// The panels stay folded or unfolded as the person left them.

const KEPT = "graysam-panels";

/** Whether a panel is open, by its id; only of panels that were ever folded or unfolded. */
type Folds = Record<string, boolean>;

function readFolds(): Folds {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEPT) ?? "{}");
    const entries = Object.entries(kept ?? {}).filter(([, open]) => typeof open === "boolean");
    return Object.fromEntries(entries) as Folds;
  } catch {
    // No storage, or not written by this page.
    return {};
  }
}

function writeFold(id: string, open: boolean): void {
  try {
    // Read again, as another tab may have changed other panels.
    localStorage.setItem(KEPT, JSON.stringify({ ...readFolds(), [id]: open }));
  } catch {
    // Without storage a fold lasts as long as the page.
  }
}

export function keepFolds(): void {
  const folds = readFolds();
  for (const panel of document.querySelectorAll<HTMLDetailsElement>("details.panel")) {
    panel.open = folds[panel.id] ?? panel.open;
    let shown = panel.open;
    panel.addEventListener("toggle", () => {
      // The browser also reports the state that the panel starts in.
      if (panel.open === shown) return;
      shown = panel.open;
      writeFold(panel.id, shown);
    });
  }
}
