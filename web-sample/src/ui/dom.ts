/** Small help with the document. */

/** The element of that id; the page has it. */
export function byId<T extends Element = HTMLElement>(id: string): T {
  return document.getElementById(id) as unknown as T;
}

/** A new element with attributes and content; text is never read as HTML. */
export function make<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Readonly<Record<string, string>> = {},
  ...content: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...content);
  return element;
}

/** A list of names and what stands beside them. */
export function facts(rows: readonly (readonly [string, Node | string])[]): HTMLDListElement {
  const list = make('dl');
  for (const [name, value] of rows) list.append(make('dt', {}, name), make('dd', {}, value));
  return list;
}

/** Share -> "12 %". */
export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

/** Milliseconds with as many digits as mean something. */
export function milliseconds(time: number): string {
  return `${time < 10 ? time.toFixed(1) : Math.round(time)} ms`;
}

export const ACCELERATOR_NAMES = { wasm: 'CPU (WebAssembly)', webgpu: 'GPU (WebGPU)' } as const;
