// The inputs of a kind of settings: <input data-setting="training.steps">. Defaults and ranges are Rust's.

import { effect } from "../vendor/signals-core.js";
import type { AutomaticMaskSettings, InstanceSettings, SettingRange, SettingRanges, TrainingSettings } from "../engine/graysam.js";

interface Kinds {
  automatic_masks: AutomaticMaskSettings;
  instances: InstanceSettings;
  training: TrainingSettings;
}

interface Ranges {
  readonly value: SettingRanges | undefined;
  peek(): SettingRanges | undefined;
}

/** What one of an input's unit is in the setting's own: the input of a part has data-unit="percent". */
function unitOf(input: HTMLInputElement) {
  return input.dataset.unit === "percent" ? 100 : 1;
}

/** A setting's value as its input has it. */
function inUnit(value: number, input: HTMLInputElement) {
  const unit = unitOf(input);
  // 0.07 is 7 percent, but 0.07 * 100 is a little more.
  return String(unit === 1 ? value : Number((value * unit).toPrecision(12)));
}

export class SettingsForm<K extends keyof Kinds> {
  #kind;
  #ranges;
  /** By the setting's name. */
  #inputs;

  /** @param ranges undefined until the engine has told them */
  constructor(form: HTMLFormElement, kind: K, ranges: Ranges) {
    this.#kind = kind;
    this.#ranges = ranges;
    const inputs = form.querySelectorAll<HTMLInputElement>(`input[data-setting^="${kind}."]`);
    this.#inputs = new Map([...inputs].map((input) => [input.dataset.setting?.slice(kind.length + 1), input]));
    form.addEventListener("submit", (event) => event.preventDefault());
    effect(() => this.#fill());
  }

  /** The first input whose value is no number of its range. */
  get invalid(): HTMLInputElement | undefined {
    return [...this.#inputs.values()].find((input) => !input.validity.valid);
  }

  /** As the person has set them; a setting without an input has its default. Undefined until the ranges are known. */
  read(): Kinds[K] | undefined {
    const ranges = this.#ranges.peek()?.[this.#kind];
    if (!ranges) return;
    const values = Object.entries<SettingRange>(ranges).map(([name, range]) => {
      const input = this.#inputs.get(name);
      return [name, input ? input.valueAsNumber / unitOf(input) : range.default];
    });
    return Object.fromEntries(values);
  }

  #fill() {
    const ranges = this.#ranges.value?.[this.#kind];
    if (!ranges) return;
    for (const [name, { default: usual, min, max, integer }] of Object.entries<SettingRange>(ranges)) {
      const input = this.#inputs.get(name);
      if (!input) continue;
      input.min = inUnit(min, input);
      input.max = inUnit(max, input);
      input.step = integer ? "1" : "any";
      // What the person has typed meanwhile stays.
      input.defaultValue = inUnit(usual, input);
    }
  }
}
