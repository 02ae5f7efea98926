// Project files on their way out and in: how far they are, and the engine that makes and reads their label images.

import type { Signal } from "../vendor/signals-core.js";
import { orAborted } from "../document/abortable.js";
import type { Project } from "../document/project.js";
import { until } from "../document/watch.js";
import type { Engine } from "../engine/client.js";
import { BlobSink } from "../storage/zip_file.js";
import { type OpenedProject, ProjectReader } from "./project_reader.js";
import { type LeftOut, ProjectWriter, type SavedProject } from "./project_writer.js";
import type { Session } from "./session.js";

export interface Work {
  label: string;
  /** From 0 to 1. */
  fraction: number;
}

export class ProjectTransfer {
  #project;
  #session;
  #work;

  constructor(project: Project, session: Session, work: Signal<Work | undefined>) {
    this.#project = project;
    this.#session = session;
    this.#work = work;
  }

  /**
   * @param stream is closed at the end, or aborted; undefined: there is none
   * @returns the file, where there is no stream
   */
  async save(stream: WritableStream | undefined, signal: AbortSignal): Promise<{ file: Blob | undefined; leftOut: LeftOut }> {
    const count = this.#counter("Saving the project");
    const sink = new BlobSink();
    // Held here, as a stream that the library holds could not be aborted.
    const writer = (stream ?? sink.stream).getWriter();
    const target = new WritableStream({ write: (piece) => writer.write(piece), close: () => writer.close() });
    try {
      const engine = await orAborted(signal, this.#engine());
      const base = await orAborted(signal, this.#base(engine));
      const leftOut = await ProjectWriter.write(() => this.#taken(base), target, { signal, passed: count.passed }, engine, count.sized);
      return { file: stream ? undefined : sink.file, leftOut };
    } catch (error) {
      // So that no half of a file takes the place of a whole one.
      await writer.abort(error).catch(() => {});
      throw error;
    }
  }

  /** @throws what is wrong with the file, as a sentence */
  async open(file: Blob, signal: AbortSignal): Promise<OpenedProject> {
    const count = this.#counter("Checking the project");
    const engine = await orAborted(signal, this.#engine());
    return ProjectReader.read(file, { signal, passed: count.passed }, engine, count.sized);
  }

  #counter(label: string) {
    let [passed, all] = [0, 1];
    this.#work.value = { label, fraction: 0 };
    return {
      sized: (bytes: number) => void (all = Math.max(1, bytes)),
      passed: (bytes: number) => {
        passed += bytes;
        this.#work.value = { label, fraction: Math.min(1, passed / all) };
      },
    };
  }

  /** @returns undefined if it has stopped */
  async #engine(): Promise<Engine | undefined> {
    const { scheduler } = this.#session;
    await until(() => scheduler.engine !== undefined || scheduler.stopped.value);
    return scheduler.engine;
  }

  /** The SHA-256 of the model in use, if there is a fine-tuned decoder. */
  async #base(engine: Engine | undefined) {
    if (!engine || !this.#session.decoder.file || !this.#session.model.loaded.peek()) return null;
    return engine.request("baseSha256", []).catch(() => null);
  }

  #taken(base: string | null): SavedProject {
    const { images, classes, currentClass, current, suggestions } = this.#project;
    const { decoder, model } = this.#session;
    const { file } = decoder;
    return {
      images: images.peek(),
      classes: classes.peek(),
      currentClass: currentClass.peek(),
      current: current.peek(),
      decoder: file && { file, used: decoder.wanted.peek(), base: { name: model.info.peek()?.name ?? "", sha256: base } },
      findings: suggestions.findings,
    };
  }
}
