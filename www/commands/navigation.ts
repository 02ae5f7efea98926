// Going to another image of the project, or to another page of a stack.

import type { Notices } from "../document/notices.js";
import type { Project, ProjectImage } from "../document/project.js";
import type { ImageSource } from "../document/types.js";
import type { Session } from "../session/session.js";
import type { ImageCommands } from "./images.js";
import type { PromptCommands } from "./prompts.js";

export class NavigationCommands {
  #project;
  #session;
  #notices;
  #images;
  #prompts;
  #restored;

  /** @param restored resolves when what an earlier visit left is there */
  constructor(
    project: Project,
    session: Session,
    notices: Notices,
    images: ImageCommands,
    prompts: PromptCommands,
    restored: Promise<unknown>,
  ) {
    this.#project = project;
    this.#session = session;
    this.#notices = notices;
    this.#images = images;
    this.#prompts = prompts;
    this.#restored = restored;
  }

  open(source: ImageSource) {
    this.#notices.dismiss();
    // It may be one of an earlier visit's, with labels.
    void this.#restored.then(() => this.#session.openImage(source));
  }

  /** Opens an image of the project. @returns whether it is open; undefined: another one was asked for meanwhile */
  async openById(id: string): Promise<boolean | undefined> {
    const image = this.#project.imageOf(id);
    if (!image) return false;
    const opened = await this.#session.openImage(image.source);
    if (!opened && this.#session.image.requested.peek()) return undefined;
    return opened && this.#project.current.peek()?.id === id;
  }

  /** Opens a neighbour of the open image. */
  step(step: number) {
    const image = this.#project.beside(step);
    if (image) this.open(image.source);
  }

  /** Marks the open image as done and opens the next one. */
  doneAndNext() {
    const current = this.#project.current.peek();
    if (!current) return;
    this.#images.setDone(current, true);
    this.step(1);
  }

  setDone(image: ProjectImage, done: boolean) {
    this.#images.setDone(image, done);
  }

  removeCurrent() {
    const current = this.#project.current.peek();
    if (current) this.#images.remove(current);
  }

  /** The page so many pages further in the open file; undefined: there is none. */
  pageBeside(step: number) {
    const info = this.#session.image.info.value;
    const page = (info?.page ?? 0) + step;
    return info && page >= 0 && page < info.pages ? page : undefined;
  }

  stepPage(step: number) {
    const page = this.pageBeside(step);
    if (page !== undefined) void this.#openPage(page);
  }

  /** Prompts the next page with the selected object. */
  async carryOn() {
    const page = this.pageBeside(1);
    if (page === undefined) return;
    const carried = await this.#prompts.carryOn(() => this.#openPage(page));
    if (!carried) this.#notices.tell("Select the object that is to be carried on to the next page first.");
  }

  async #openPage(page: number) {
    const source = this.#session.image.source.peek();
    return source !== undefined && this.#session.openImage({ ...source, page });
  }
}
