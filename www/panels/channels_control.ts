// The choice of an image's channels in the panel "Display".

import { effect } from "../vendor/signals-core.js";
import type { Workbench } from "../commands/workbench.js";
import { channelName, channelsOf, firstComposite, inChannels } from "../document/channels.js";
import type { ChannelChoice, ImageInfo } from "../engine/graysam.js";
import { byId } from "./dom.js";
import { count } from "./drawn.js";

const controls = byId("channel-controls", HTMLElement);
const choice = byId("channels", HTMLSelectElement);
const composite = byId("composite", HTMLElement);
const colours = ["red", "green", "blue"].map((colour) => byId(`channel-${colour}`, HTMLSelectElement));

export class ChannelsControl {
  #image;
  #images;
  /** Whose channels the lists have, as text. */
  #listed = "";

  constructor({ session, images }: Workbench) {
    this.#image = session.image;
    this.#images = images;
    choice.addEventListener("change", () => this.#choose(choice.value));
    for (const colour of colours) colour.addEventListener("change", () => this.#compose());
    effect(() => this.#show());
  }

  #choose(value: string) {
    const info = this.#image.info.peek();
    if (!info) return;
    if (value === "own") this.#set("own");
    else if (value === "composite") this.#set(firstComposite(info));
    else this.#set({ one: Number(value) });
  }

  #compose() {
    const [red, green, blue] = colours.map(({ value }) => (value === "" ? null : Number(value)));
    this.#set({ composite: [red, green, blue] });
  }

  #set(channels: ChannelChoice) {
    const display = this.#image.display.peek();
    if (display) this.#images.setDisplay(inChannels(display, channels));
  }

  #show() {
    count("channels");
    const [info, display] = [this.#image.info.value, this.#image.display.value];
    controls.hidden = !info || !display || info.channels.length < 2;
    if (!info || !display || controls.hidden) return;
    this.#list(info);
    const channels = channelsOf(display);
    const composed = typeof channels === "object" && "composite" in channels ? channels.composite : undefined;
    composite.hidden = composed === undefined;
    if (channels === "own") choice.value = "own";
    else choice.value = "one" in channels ? String(channels.one) : "composite";
    if (!composed) return;
    colours.forEach((select, i) => {
      select.value = composed[i] === null ? "" : String(composed[i]);
      // One has to be there.
      select.options[0].disabled = composed.every((channel, other) => other === i || channel === null);
    });
  }

  #list({ channels }: ImageInfo) {
    const listed = JSON.stringify(channels);
    if (listed === this.#listed) return;
    this.#listed = listed;
    const options = () => channels.map((_, i) => new Option(channelName(channels, i), String(i)));
    choice.replaceChildren(new Option("As in the file", "own"), ...options(), new Option("Composite", "composite"));
    for (const select of colours) select.replaceChildren(new Option("None", ""), ...options());
  }
}
