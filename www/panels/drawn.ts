// How often each panel has been drawn, so that a test can see that a stroke draws each panel at most once.

export const drawn = new Map<string, number>();

export function count(panel: string) {
  drawn.set(panel, (drawn.get(panel) ?? 0) + 1);
}
