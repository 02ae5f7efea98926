// How fast the GPU is, measured when the person asks for it, as lines of text.

import { signal } from "../vendor/signals-core.js";
import type { Notices } from "../document/notices.js";
import { CrashError } from "../engine/client.js";
import type { DeviceSpeed } from "../engine/graysam.js";
import { forgetCheck } from "./gpu_check.js";

export class GpuSpeed {
  readonly measuring = signal(false);
  /** What was measured last in this visit. */
  readonly speed = signal<DeviceSpeed | undefined>(undefined);

  #measure;
  #known;
  #notices;

  /**
   * @param measure asks the engine
   * @param known what the check of this visit has found wrong, if anything
   */
  constructor(measure: () => Promise<DeviceSpeed>, known: () => string | null | undefined, notices: Notices) {
    this.#measure = measure;
    this.#known = known;
    this.#notices = notices;
  }

  /** Checks and measures the GPU; other work waits. */
  async measure() {
    if (this.measuring.peek()) return;
    this.measuring.value = true;
    try {
      const speed = await this.#measure();
      this.speed.value = speed;
      if (speed.fault && speed.fault !== this.#known()) this.#tell();
    } catch (error) {
      // The scheduler tells of crashes itself.
      if (!(error instanceof CrashError)) this.#notices.fail(error);
    } finally {
      this.measuring.value = false;
    }
  }

  /** A check of the next visit is to find it as well. */
  #tell() {
    forgetCheck();
    this.#notices.tell("The GPU was found to compute wrongly; reload the page, which then does without what is wrong.");
  }
}

const milliseconds = (seconds: number) => `${(1000 * seconds).toFixed(seconds < 0.01 ? 2 : 0)} ms`;

export function speedLines({ fault, kernels, tiles, model }: DeviceSpeed): string[] {
  const product = `${kernels.product_tflops.toFixed(3)} TFLOP/s`;
  return [
    `Check and measurement of ${model.device}: ${fault ?? "all is right"}`,
    `  encoding ${milliseconds(model.encoder_s)}, click ${milliseconds(model.decoder_s)}, training step ${milliseconds(model.training_step_s)}`,
    `  a plain product: ${product}, by ${kernels.by_gpu_clock ? "the GPU's clock" : "the clock on the wall"}`,
    ...kernels.kernels.map(({ name, seconds, tflops, of_product, of_encoder }) => {
      const part = of_encoder === null ? "" : `, ${of_encoder.toFixed(0)} % of ViT-B's encoder`;
      return `  ${name}: ${milliseconds(seconds)}, ${tflops.toFixed(3)} TFLOP/s, ${of_product.toFixed(0)} % of the product's rate${part}`;
    }),
    `  tiles: ${tiles.single}, in float16 ${tiles.half}`,
  ];
}
