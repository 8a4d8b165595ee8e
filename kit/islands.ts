/** Marks islands in rendered pages, with the props that the browser needs to bring them to life. */
import { Signal } from "@preact/signals";
import { stringify } from "devalue";
import {
  type ComponentChild,
  type ComponentType,
  createContext,
  Fragment,
  h,
  isValidElement,
  options,
  type VNode,
} from "preact";
import { useContext } from "preact/hooks";

/** An island: a component that is rendered here and lives in the browser. */
export interface Island {
  readonly name: string;
  readonly component: ComponentType;
}

type Props = Readonly<Record<string, unknown>>;

/** The islands of one page. */
export class PageIslands {
  readonly used = new Set<Island>();
  readonly #props: Props[] = [];
  /** JSX that was passed to an island, by marker, until it is rendered. */
  readonly slots = new Map<string, ComponentChild>();

  /** @returns the props as the island gets them here: JSX within markers. */
  add(island: Island, props: Props): { id: number; shown: Props } {
    this.used.add(island);
    const id = this.#props.length;
    const plain: Record<string, unknown> = {};
    const shown: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(props)) {
      const slot = isJsx(value) ? new Slot(`${id}:${name}`) : null;
      plain[name] = slot ?? value;
      shown[name] = value;
      if (slot === null) continue;
      const { marker } = slot;
      shown[name] = h(SlotBoundary, { marker, page: this }, value as ComponentChild);
      this.slots.set(marker, value as ComponentChild);
    }
    this.#props.push(plain);
    return { id, shown };
  }

  /** All props in one text, so that a signal which two islands share stays one. */
  serialise(): string {
    try {
      return stringify(this.#props, {
        Signal: (value) => value instanceof Signal && [value.peek()],
        Slot: (value) => value instanceof Slot && value.marker,
      });
    } catch (error) {
      const { path, message } = error as Error & { path?: string };
      const names = [...this.used].map(({ name }) => name).join(", ");
      const where = path === undefined ? "" : ` (at ${path})`;
      throw new TypeError(`Cannot pass props to ${names}${where}: ${message}`, { cause: error });
    }
  }
}

class Slot {
  constructor(readonly marker: string) {}
}

function isJsx(value: unknown): boolean {
  // A signal looks like an element to Preact.
  if (value instanceof Signal) return false;
  return Array.isArray(value) ? value.some(isJsx) : isValidElement(value);
}

const islands = new WeakMap<object, Island>();
/** The page that is being rendered, and null within an island: what it shows is its own. */
export const IslandContext = createContext<PageIslands | null>(null);

/** Lets the components be known as islands wherever they are rendered. */
export function registerIslands(all: Iterable<Island>): void {
  for (const island of all) islands.set(island.component, island);
}

let own = false;
const before = options.vnode;
options.vnode = (vnode) => {
  const island = own || typeof vnode.type !== "function" ? undefined : islands.get(vnode.type);
  if (island !== undefined) {
    const { type: _type, props } = vnode;
    Object.assign(vnode, { type: IslandBoundary, props: { island, given: props } });
  }
  before?.(vnode);
};

function element(component: ComponentType, props: Props): VNode {
  own = true;
  try {
    return h(component, props);
  } finally {
    own = false;
  }
}

const comment = (text: string) => h(Fragment, { UNSTABLE_comment: text } as Props);

function IslandBoundary({ island, given }: { island: Island; given: Props }): VNode {
  const page = useContext(IslandContext);
  if (page === null) return element(island.component, given);
  const { id, shown } = page.add(island, given);
  const inside = element(island.component, shown);
  return h(Fragment, null, [
    comment(`island:${island.name}:${id}`),
    h(IslandContext.Provider, { value: null }, inside),
    comment("/island"),
  ]);
}

function SlotBoundary(
  { marker, page, children }: { marker: string; page: PageIslands; children?: ComponentChild },
): VNode {
  page.slots.delete(marker);
  return h(Fragment, null, [
    comment(`slot:${marker}`),
    h(IslandContext.Provider, { value: page }, children),
    comment("/slot"),
  ]);
}
