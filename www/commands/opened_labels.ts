// Label images and files of annotations on their way to the open image's objects.

import { signal } from "../vendor/signals-core.js";
import type { OpenImage } from "../document/project.js";
import { folderOf } from "../document/source.js";
import type { ObjectAttributes } from "../document/types.js";
import type { ClassRecord } from "../engine/graysam.js";
import type { Session } from "../session/session.js";

export interface OpenedLabels {
  runs: Uint32Array;
  objects?: Map<number, ObjectAttributes>;
  /** What the person should know of the reading; empty: nothing. */
  told?: string;
}

/** Whether a mask's separate parts are objects, which only the person knows. */
export interface MaskQuestion {
  parts: number;
  /** @param parted undefined: the mask is not opened */
  answer(parted: boolean | undefined): void;
}

/** What is known of objects and classes besides what a file says. */
export interface Attributes {
  fresh(iou: number | null): ObjectAttributes;
  /** The id of the class of this name, which is added if need be. */
  classNamed(name: string, colour: string): string;
}

export class LabelReader {
  /** What the person is asked now. */
  readonly question = signal<MaskQuestion | undefined>(undefined);
  #session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Gives up what is asked. */
  dismiss() {
    this.question.peek()?.answer(undefined);
  }

  /** The objects that a file has for an image; undefined: the person does not want them. */
  async read(file: File, image: OpenImage, attributes: Attributes): Promise<OpenedLabels | undefined> {
    const { name, source, width, height } = image;
    const page = source.page ?? 0;
    const pages = Math.max(page + 1, this.#session.image.info.peek()?.pages ?? 1);
    const of = { name, folder: folderOf(source), page, pages, width, height };
    let read = await this.#session.request("readObjects", [file, of, false]).done;
    if (read.parts !== undefined) {
      const parted = await this.#ask(read.parts);
      if (parted === undefined) return undefined;
      if (parted) read = await this.#session.request("readObjects", [file, of, true]).done;
    }
    const used = read.classes.map(({ name, colour }: ClassRecord, place) =>
      read.objects.some((object) => object.class === place) ? attributes.classNamed(name, colour) : null,
    );
    const known = read.objects.map(({ id, name, class: place, iou }): [number, ObjectAttributes] => {
      const classId = place === null ? null : used[place];
      return [id, { ...attributes.fresh(iou), name, classId }];
    });
    return { runs: read.runs, objects: known.length > 0 ? new Map(known) : undefined, told: read.told };
  }

  #ask(parts: number) {
    this.dismiss();
    return new Promise<boolean | undefined>((resolve) => {
      const answer = (parted: boolean | undefined) => {
        this.question.value = undefined;
        resolve(parted);
      };
      this.question.value = { parts, answer };
    });
  }
}
