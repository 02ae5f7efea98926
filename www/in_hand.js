// The prompts on the open image that have not become an object yet, kept with the project so that they outlast the page.

/** @typedef {import("./project.js").Project} Project */
/** @typedef {import("./session.js").Session} Session */
/** @typedef {import("./label_tools.js").LabelTools} LabelTools */

export class InHand {
  #project;
  #session;
  #tools;
  /** What is kept, for comparison. */
  #kept = "";
  /** What an earlier visit had in hand is not here yet. */
  #restoring = false;

  /** @param {Project} project @param {Session} session @param {LabelTools} tools */
  constructor(project, session, tools) {
    this.#project = project;
    this.#session = session;
    this.#tools = tools;
  }

  /** Keeps the prompts with their mask's corrections, if they are others than before. */
  keep() {
    if (this.#restoring || !this.#project.current) return;
    const { prompts, prediction, selected } = this.#session;
    const { refined, correctionsMade } = this.#tools;
    const kept = JSON.stringify([prompts, prediction?.ious.length, selected, refined, correctionsMade]);
    if (kept === this.#kept) return;
    this.#kept = kept;
    const { corrections } = this.#tools;
    const none = prompts.length === 0;
    if (none && !this.#project.inHand) return;
    const inHand = { prompts, ious: prediction?.ious ?? [], selected, refined, corrections: corrections ? [...corrections] : null };
    this.#project.inHand = none ? null : inHand;
    this.#project.store();
  }

  /** Brings back what an earlier visit had in hand. @param {() => Promise<boolean>} open opens its image; resolves to whether it is open */
  async restore(open) {
    const { inHand } = this.#project;
    this.#restoring = true;
    const opened = await open();
    if (opened && inHand) {
      this.#tools.refined = inHand.refined;
      if (inHand.corrections) this.#tools.correctAs(Uint32Array.from(inHand.corrections));
      this.#session.prompt(inHand);
    }
    this.#restoring = false;
    this.keep();
  }
}
