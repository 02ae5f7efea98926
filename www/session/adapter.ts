// WebGPU's adapter, as far as the page itself looks at it: the engine opens its own.

export interface Adapter {
  info?: Partial<Record<"vendor" | "architecture" | "device" | "description", string>>;
  features: Iterable<string>;
  limits: object;
}

type WithGpu = { gpu?: { requestAdapter(options: { powerPreference: string }): Promise<Adapter | null> } } | undefined;

/** The one that the engine takes. Undefined: the browser has no WebGPU; null: there is no adapter. @throws what the browser says */
export function requestAdapter(): Promise<Adapter | null> | undefined {
  return (globalThis.navigator as WithGpu)?.gpu?.requestAdapter({ powerPreference: "high-performance" });
}

/** As much of a name as the browser gives; it may be empty. */
export function nameOf({ info }: Adapter) {
  const { vendor, architecture, device, description } = info ?? {};
  return [vendor, architecture, device, description].filter(Boolean).join(", ");
}
