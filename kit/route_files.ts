/** The names and exports that files below `routes/` may have. */
import type { RouteModule } from "./define.ts";

const special = ["_app", "_error", "_layout", "_404", "_middleware"];
const settings = ["routeOverride", "skipAppWrapper", "skipInheritedLayouts"];

/**
 * Refuses a file whose name or exports have no meaning here, so that none is ignored in silence.
 *
 * @param file below `routes/`, without extension.
 * @throws {SyntaxError} with the file, what was expected and what came.
 */
export function checkModule(file: string, module: RouteModule): void {
  const refuse = (reason: string): never => {
    throw new SyntaxError(`Cannot load routes/${file}: ${reason}`);
  };
  const name = file.slice(file.lastIndexOf("/") + 1);
  if (name.startsWith("_") && !special.includes(name)) {
    refuse(`expected a name such as ${special.join(", ")}`);
  }
  if (name === "_app" && file !== name) refuse("the app wrapper belongs into routes/ itself");
  const { default: shown, config = {} } = module;
  const handler = module.handlers ?? module.handler;
  if (name === "_middleware") {
    const middlewares = [handler ?? shown].flat();
    if (!middlewares.every((each) => typeof each === "function")) {
      refuse(`expected a function or an array of functions, got ${kindOf(handler ?? shown)}`);
    }
    return;
  }
  if (shown !== undefined && typeof shown !== "function") {
    refuse(`expected a component as default export, got ${kindOf(shown)}`);
  }
  if (name.startsWith("_")) {
    if (handler !== undefined) refuse("only routes have handlers");
    if (shown === undefined) refuse("expected a component as default export");
  } else if (shown === undefined && handler === undefined) {
    refuse("expected a default export or handlers");
  }
  if (typeof handler === "function" && handler.length > 1) {
    refuse(`expected a handler of one parameter, ctx; got ${handler.length} parameters`);
  }
  for (const member of Object.keys(config)) {
    if (!settings.includes(member)) {
      refuse(`config.${member} is not supported; expected ${settings.join(", ")}`);
    }
  }
}

/**
 * The URL pattern of a route's file.
 *
 * @throws {SyntaxError} for parameters that cannot be told apart or are not well-formed.
 */
export function pathOf(file: string): string {
  const parts = file.split("/").filter((part) => !/^\(.*\)$/.test(part));
  if (parts.at(-1) === "index") parts.pop();
  const path = parts.map((part) => {
    const pattern = part.replace(/^\[\[(\w+)\]\]$/, "{/:$1}?").replace(/^\[\.\.\.(\w+)\]$/, ":$1*")
      .replaceAll(/\[(\w+)\](?!\w|\[)/g, ":$1");
    if (/[[\]]/.test(pattern)) {
      throw new SyntaxError(
        `Cannot load routes/${file}: expected [name], [[name]] or [...name] with a character ` +
          `other than a letter, a digit or _ behind it, got "${part}"`,
      );
    }
    return pattern.startsWith("{/") ? pattern : `/${pattern}`;
  }).join("");
  return path === "" ? "/" : path;
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return Array.isArray(value) ? "an array" : `a value of type ${typeof value}`;
}
