/** The search in the header: a link to its page, which becomes a dialog with a script. */
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { getJson } from "../routes/(_parts)/poll.ts";
import { kindLabels } from "../routes/(_parts)/search_text.ts";
import type { SearchAnswer } from "../routes/(_shared)/search.ts";

const WAIT_MS = 80;
const LIMIT = "12";

/** Opens by a click, Ctrl-K, Cmd-K or a slash. */
export default function Search() {
  const dialog = useRef<HTMLDialogElement>(null);
  const input = useRef<HTMLInputElement>(null);
  const words = useSignal("");
  const opened = useSignal(false);
  const found = useSignal<SearchAnswer>({ items: [], more: false });
  const fault = useSignal<string | null>(null);
  /** The item that Enter opens. */
  const chosen = useSignal(0);
  const open = () => {
    dialog.current!.showModal();
    opened.value = true;
    input.current!.select();
  };
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const slash = event.key === "/" && !isTyping(event.target);
      const byName = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey);
      if (!slash && !byName) return;
      event.preventDefault();
      if (!dialog.current!.open) open();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  useEffect(() => {
    if (!opened.value) return;
    const end = new AbortController();
    const waiting = setTimeout(async () => {
      try {
        const query = new URLSearchParams({ q: words.value, limit: LIMIT });
        const answer = await getJson<SearchAnswer>(`/api/v1/search?${query}`, end.signal);
        found.value = answer;
        chosen.value = 0;
        fault.value = null;
      } catch {
        if (!end.signal.aborted) fault.value = "The search does not answer. Type to retry.";
      }
    }, WAIT_MS);
    return () => {
      clearTimeout(waiting);
      end.abort();
    };
  }, [words.value, opened.value]);
  const { items, more } = found.value;
  const move = (by: number) => {
    if (items.length === 0) return;
    chosen.value = (chosen.value + by + items.length) % items.length;
    document.getElementById(`found-${chosen.value}`)?.scrollIntoView({ block: "nearest" });
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown") move(1);
    else if (event.key === "ArrowUp") move(-1);
    else if (event.key === "Enter") document.getElementById(`found-${chosen.value}`)?.click();
    else return;
    event.preventDefault();
  };
  return (
    <>
      <a
        class="search-link"
        href="/search"
        aria-keyshortcuts="Control+K Meta+K /"
        title="Ctrl K or /"
        onClick={(event) => {
          if (event.ctrlKey || event.metaKey || event.shiftKey) return;
          event.preventDefault();
          open();
        }}
      >
        <svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true">
          <circle cx="6" cy="6" r="4.5" />
          <path d="m9.5 9.5 3.5 3.5" />
        </svg>
        <span>Search</span> <kbd>/</kbd>
      </a>
      <dialog
        ref={dialog}
        class="search"
        aria-label="Search"
        onClose={() => opened.value = false}
        onClick={(event) => {
          if (event.target === dialog.current) dialog.current!.close();
        }}
      >
        <div>
          <input
            ref={input}
            type="text"
            role="combobox"
            aria-label="Search"
            aria-expanded="true"
            aria-controls="found"
            aria-autocomplete="list"
            aria-activedescendant={items.length > 0 ? `found-${chosen.value}` : undefined}
            placeholder="Pages, metrics, relations, titles"
            autocomplete="off"
            spellcheck={false}
            value={words.value}
            onInput={(event) => words.value = event.currentTarget.value}
            onKeyDown={onKey}
          />
          <div id="found" class="found" role="listbox" aria-label="Results">
            {items.map(({ kind, title, detail, url }, at) => (
              <a
                key={url}
                id={`found-${at}`}
                role="option"
                tabIndex={-1}
                aria-selected={at === chosen.value}
                href={url}
                onPointerMove={() => chosen.value = at}
              >
                <b>{title}</b>
                <span>{detail}</span>
                <i>{kindLabels[kind]}</i>
              </a>
            ))}
          </div>
          <p class="hint" role="status">
            {fault.value ??
              (items.length === 0
                ? words.value === "" ? "" : "Nothing matches all of these words."
                : more
                ? <a href={`/search?${new URLSearchParams({ q: words.value })}`}>More results</a>
                : `${items.length} ${items.length === 1 ? "result" : "results"}`)}
          </p>
        </div>
      </dialog>
    </>
  );
}

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
