/** Runs in the browser: brings the islands of a page to life. */
import { signal } from "@preact/signals";
import { parse } from "devalue";
import { type ComponentChild, type ComponentType, type ContainerNode, h, hydrate } from "preact";

type Components = Readonly<Record<string, ComponentType>>;
type Props = Record<string, unknown>;

class Slot {
  constructor(readonly marker: string) {}
}

/** Hydrates every island between its markers. */
export function boot(components: Components): void {
  const state = document.getElementById("__FRSH_STATE")!.textContent;
  const props: Props[] = parse(state, {
    Signal: ([value]) => signal(value),
    Slot: (marker) => new Slot(marker),
  });
  const page = { components, props };
  const comments = document.createTreeWalker(document.body, NodeFilter.SHOW_COMMENT);
  const starts: Comment[] = [];
  while (comments.nextNode()) {
    const node = comments.currentNode as Comment;
    if (node.data.startsWith("island:")) starts.push(node);
  }
  for (const start of starts) {
    // Those within an island's slot live with it.
    if (!start.isConnected || taken.has(start)) continue;
    const { nodes, end } = between(start, "island:", "/island");
    hydrate(islandOf(start, nodes, page), rangeRoot(start.parentNode!, nodes, end));
  }
}

interface Page {
  readonly components: Components;
  readonly props: readonly Props[];
}

const taken = new WeakSet<Node>();

/** The nodes from a marker to its end; markers of the same kind nest. */
function between(start: Node, open: string, close: string): { nodes: ChildNode[]; end: Node } {
  const nodes: ChildNode[] = [];
  let depth = 0;
  for (let node = start.nextSibling!;; node = node.nextSibling!) {
    if (node instanceof Comment) {
      if (node.data.startsWith(open)) depth++;
      else if (node.data === close && depth-- === 0) return { nodes, end: node };
    }
    nodes.push(node);
  }
}

function islandOf(start: Comment, nodes: readonly ChildNode[], page: Page) {
  const [, name, id] = start.data.split(":");
  taken.add(start);
  const props = { ...page.props[Number(id)] };
  for (const [key, value] of Object.entries(props)) {
    if (value instanceof Slot) props[key] = slotOf(value.marker, nodes, page);
  }
  return h(page.components[name], props);
}

/** The JSX of a slot, read back from what was rendered. */
function slotOf(marker: string, nodes: readonly ChildNode[], page: Page): ComponentChild {
  const found = nodes.map((node) => commentIn(node, `slot:${marker}`)).find((each) =>
    each !== null
  );
  if (found) return jsxOf(between(found, "slot:", "/slot").nodes, page);
  const template = document.getElementById(`slot:${marker}`) as HTMLTemplateElement | null;
  return jsxOf([...template?.content.childNodes ?? []], page);
}

function commentIn(node: Node, data: string): Comment | null {
  if (node instanceof Comment) return node.data === data ? node : null;
  const comments = document.createTreeWalker(node, NodeFilter.SHOW_COMMENT);
  while (comments.nextNode()) {
    if ((comments.currentNode as Comment).data === data) return comments.currentNode as Comment;
  }
  return null;
}

function jsxOf(nodes: readonly ChildNode[], page: Page): ComponentChild[] {
  const children: ComponentChild[] = [];
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[i];
    if (node instanceof Text) children.push(node.data);
    else if (node instanceof Element) {
      const attributes = [...node.attributes].map(({ name, value }) => [name, value]);
      const inside = jsxOf([...node.childNodes], page);
      children.push(h(node.localName, Object.fromEntries(attributes), ...inside));
    } else if (node instanceof Comment && node.data.startsWith("island:")) {
      const range = between(node, "island:", "/island");
      children.push(islandOf(node, range.nodes, page));
      i += range.nodes.length + 1;
    }
  }
  return children;
}

/** A stand-in for a parent whose children are the nodes between two markers. */
function rangeRoot(parent: ParentNode, nodes: ChildNode[], end: Node): ContainerNode {
  const root = {
    ...{ nodeType: 1, parentNode: parent, ownerDocument: document },
    ...{ firstChild: nodes[0] ?? null, childNodes: nodes },
    namespaceURI: (parent as Element).namespaceURI,
    contains: (node: Node) => parent.contains(node),
    insertBefore: (node: Node, child: Node | null) => parent.insertBefore(node, child ?? end),
    appendChild: (node: Node) => parent.insertBefore(node, end),
    removeChild: (node: Node) => parent.removeChild(node),
  };
  return root as unknown as ContainerNode;
}
