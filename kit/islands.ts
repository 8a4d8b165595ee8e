/** Marks islands in rendered pages, with the props that the browser needs to bring them to life. */
import { Signal } from "@preact/signals";
import { stringify } from "devalue";
import { createContext, Fragment, h, isValidElement, options } from "preact";
import type { ComponentChild, ComponentType, VNode } from "preact";
import { useContext } from "preact/hooks";

type Props = Readonly<Record<string, unknown>>;

/** JSX in an island's props: what was rendered from it lies between marks. */
class Slot {
  constructor(readonly mark: string) {}
}

/** The islands of one page. */
export class PageIslands {
  /** In the order in which they were rendered. */
  readonly used: { readonly name: string; readonly props: Props }[] = [];
  /** JSX that was passed to islands, by mark, until it is rendered. */
  readonly slots = new Map<string, ComponentChild>();

  /** @returns the props as the island gets them here: JSX within marks. */
  add(name: string, given: Props): { id: number; shown: Props } {
    const id = this.used.length;
    const props: Record<string, unknown> = { ...given };
    const shown: Record<string, unknown> = { ...given };
    for (const [prop, value] of Object.entries(given)) {
      if (!isJsx(value)) continue;
      const mark = `${id}:${prop}`;
      props[prop] = new Slot(mark);
      shown[prop] = h(SlotBoundary, { mark, page: this }, value);
      this.slots.set(mark, value);
    }
    this.used.push({ name, props });
    return { id, shown };
  }

  /** All props in one text, so that a signal which two islands share stays one. */
  serialise(): string {
    try {
      return stringify(this.used.map(({ props }) => props), {
        Signal: (value) => value instanceof Signal && [value.peek()],
        Slot: (value) => value instanceof Slot && value.mark,
      });
    } catch (error) {
      const { path = "", message } = error as Error & { path?: string };
      const [, id, prop] = /^\[(\d+)\]\.?(.*)$/.exec(path) ?? [];
      const name = this.used[Number(id)]?.name;
      throw new TypeError(`Cannot pass ${prop} to island ${name}: ${message}`, { cause: error });
    }
  }
}

function isJsx(value: unknown): value is ComponentChild {
  // A signal looks like an element to Preact.
  if (value instanceof Signal) return false;
  return Array.isArray(value) ? value.some(isJsx) : isValidElement(value);
}

const names = new WeakMap<object, string>();
/** The page that is being rendered, and null within an island: what it shows is its own. */
export const IslandContext = createContext<PageIslands | null>(null);

/** Lets a component be known as an island wherever it is rendered. */
export function registerIsland(name: string, component: ComponentType): void {
  names.set(component, name);
}

const before = options.vnode;
options.vnode = (vnode) => {
  const { type, props } = vnode;
  const name = typeof type === "function" ? names.get(type) : undefined;
  if (name !== undefined) {
    Object.assign(vnode, { type: IslandBoundary, props: { name, type, given: props } });
  }
  before?.(vnode);
};

/** The component itself: made as a fragment, it is not taken for an island again. */
const element = (type: ComponentType, props: Props): VNode =>
  Object.assign(h(Fragment, props), { type });

const comment = (text: string) => h(Fragment, { UNSTABLE_comment: text } as Props);

/** Renders between comments; what it holds belongs to the page or, within an island, to that. */
function marked(start: string, end: string, page: PageIslands | null, inside: unknown): VNode {
  const provider = h(IslandContext.Provider, { value: page }, inside as ComponentChild);
  return h(Fragment, null, [comment(start), provider, comment(end)]);
}

function IslandBoundary(props: { name: string; type: ComponentType; given: Props }): VNode {
  const page = useContext(IslandContext);
  if (page === null) return element(props.type, props.given);
  const { id, shown } = page.add(props.name, props.given);
  return marked(`island:${props.name}:${id}`, "/island", null, element(props.type, shown));
}

function SlotBoundary(props: { mark: string; page: PageIslands; children?: unknown }): VNode {
  props.page.slots.delete(props.mark);
  return marked(`slot:${props.mark}`, "/slot", props.page, props.children);
}
