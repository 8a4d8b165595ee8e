/** Runs in the browser: brings the islands of a page to life. */
import { signal } from "@preact/signals";
import { parse } from "devalue";
import { type ComponentChild, type ComponentType, type ContainerNode, h, hydrate } from "preact";

interface Page {
  readonly components: Readonly<Record<string, ComponentType>>;
  /** By number of island. */
  readonly props: readonly Record<string, unknown>[];
}

class Slot {
  constructor(readonly mark: string) {}
}

/** Hydrates every island between its marks. */
export function boot(components: Page["components"]): void {
  const state = document.getElementById("__FRSH_STATE")!.textContent;
  const props: Page["props"] = parse(state, {
    Signal: ([value]) => signal(value),
    Slot: (mark) => new Slot(mark),
  });
  const comments = document.createTreeWalker(document.body, NodeFilter.SHOW_COMMENT);
  while (comments.nextNode()) {
    const start = comments.currentNode as Comment;
    if (!start.data.startsWith("island:")) continue;
    const { nodes, end } = between(start);
    // Those within an island's slot live with it.
    comments.currentNode = end;
    try {
      hydrate(islandOf(start, nodes, { components, props }), rangeRoot(nodes, end));
    } catch (error) {
      // The others live all the same.
      reportError(error);
    }
  }
}

/** The nodes from a mark to its end; marks of the same kind nest. */
function between(start: Comment): { nodes: ChildNode[]; end: Comment } {
  const [kind] = start.data.split(":", 1);
  const nodes: ChildNode[] = [];
  let depth = 0;
  for (let node = start.nextSibling!;; node = node.nextSibling!) {
    if (node instanceof Comment) {
      if (node.data.startsWith(`${kind}:`)) depth++;
      else if (node.data === `/${kind}` && depth-- === 0) return { nodes, end: node };
    }
    nodes.push(node);
  }
}

function islandOf(start: Comment, nodes: readonly ChildNode[], page: Page) {
  const [, name, id] = start.data.split(":");
  const props = { ...page.props[Number(id)] };
  for (const [prop, value] of Object.entries(props)) {
    if (value instanceof Slot) props[prop] = slotOf(value.mark, nodes, page);
  }
  return h(page.components[name], props);
}

/** The JSX of a slot, read back from what was rendered. */
function slotOf(mark: string, nodes: readonly Node[], page: Page): ComponentChild {
  const start = nodes.flatMap(commentsOf).find(({ data }) => data === `slot:${mark}`);
  if (start !== undefined) return jsxOf(between(start).nodes, page);
  const template = document.getElementById(`slot:${mark}`) as HTMLTemplateElement | null;
  return jsxOf([...template?.content.childNodes ?? []], page);
}

function commentsOf(node: Node): Comment[] {
  return node instanceof Comment ? [node] : [...node.childNodes].flatMap(commentsOf);
}

function jsxOf(nodes: readonly ChildNode[], page: Page): ComponentChild[] {
  const children: ComponentChild[] = [];
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[i];
    if (node instanceof Text) children.push(node.data);
    else if (node instanceof Element) {
      const props = [...node.attributes].map((given) => [given.name, propOf(node, given)]);
      const inside = jsxOf([...node.childNodes], page);
      children.push(h(node.localName, Object.fromEntries(props), ...inside));
    } else if (node instanceof Comment && node.data.startsWith("island:")) {
      const range = between(node);
      children.push(islandOf(node, range.nodes, page));
      i += range.nodes.length + 1;
    }
  }
  return children;
}

/** As Preact sets it: `disabled=""` is true. */
function propOf(node: Element, { name, value }: Attr): unknown {
  const own = (node as unknown as Record<string, unknown>)[name];
  return typeof own === "boolean" ? own : value;
}

/** A stand-in for a parent whose children are the nodes before a mark. */
function rangeRoot(nodes: ChildNode[], end: Comment): ContainerNode {
  const parent = end.parentElement!;
  return {
    namespaceURI: parent.namespaceURI,
    childNodes: nodes,
    firstChild: nodes[0] ?? null,
    insertBefore: (node: Node, child: Node | null) => parent.insertBefore(node, child ?? end),
  } as unknown as ContainerNode;
}
