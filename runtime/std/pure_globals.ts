/** Surroundings in which code can only compute. */

/** Global functions that reach out of the code that calls them. */
const FUNCTIONS = [
  ..."fetch alert confirm prompt postMessage close reportError requestAnimationFrame".split(" "),
  ..."setTimeout setInterval setImmediate clearTimeout clearInterval clearImmediate".split(" "),
];
/** Global objects and classes that do. */
const OBJECTS = [
  ..."Deno process Worker SharedWorker WebSocket WebSocketStream EventSource XMLHttpRequest".split(
    " ",
  ),
  ..."BroadcastChannel MessageChannel caches localStorage sessionStorage navigator location".split(
    " ",
  ),
  ..."crypto performance Temporal onmessage gc global".split(" "),
];

/**
 * Takes from the calling thread's globals what would make a result depend on anything but its input:
 * clocks, chance, the network, files, the process, timers. Functions and clocks throw with an
 * explanation; objects are deleted. It cannot be undone: a thread calls it once, after its own
 * modules are loaded.
 *
 * @param who cannot use them, such as "plugins".
 * @example
 * ```ts ignore
 * makeGlobalsPure("plugins");
 * Date.now(); // throws: Date.now() is not available to plugins: …
 * ```
 */
export function makeGlobalsPure(who: string): void {
  const refusing = (name: string) => () => {
    throw new TypeError(
      `${name} is not available to ${who}: their results must depend on the event alone`,
    );
  };
  const replace = (owner: object, name: string, value: unknown) =>
    Object.defineProperty(owner, name, { value, configurable: false, writable: false });
  for (const name of OBJECTS) Reflect.deleteProperty(globalThis, name);
  for (const name of FUNCTIONS) replace(globalThis, name, refusing(`${name}()`));
  replace(Math, "random", refusing("Math.random()"));
  const now = refusing("the current time");
  replace(
    globalThis,
    "Date",
    new Proxy(Date, {
      apply: now,
      construct: (of, given, target) =>
        given.length === 0 ? now() : Reflect.construct(of, given, target),
    }),
  );
  replace(Date, "now", refusing("Date.now()"));
}
