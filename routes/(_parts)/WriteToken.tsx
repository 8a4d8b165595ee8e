/** The token that writers need where one is set; kept for as long as the tab is open. */
import { useSignal } from "@preact/signals";
import { answerOf } from "./poll.ts";

const KEY = "twofold-write-token";

/** Adds the token that this tab knows to a request. */
export function withToken(init: RequestInit): RequestInit {
  const token = sessionStorage.getItem(KEY);
  if (!token) return init;
  const headers = new Headers(init.headers);
  headers.set("authorization", `Bearer ${token}`);
  return { ...init, headers };
}

/**
 * Posts JSON with the token; what is no success is an error with the server's own words.
 *
 * @param body left out for none.
 */
export async function postJson<Answer>(url: string, body?: unknown): Promise<Answer> {
  const headers = { "content-type": "application/json" };
  const init = body === undefined ? {} : { headers, body: JSON.stringify(body) };
  return await answerOf(await fetch(url, withToken({ method: "POST", ...init })));
}

/** Takes the token. */
export function WriteToken() {
  const known = useSignal(false);
  return (
    <details class="token">
      <summary>Write token</summary>
      <label>
        Required only if TWOFOLD_WRITE_TOKEN is set; kept until this tab closes.{" "}
        <input
          type="password"
          autocomplete="off"
          onInput={(event) => {
            sessionStorage.setItem(KEY, event.currentTarget.value);
            known.value = event.currentTarget.value !== "";
          }}
        />
      </label>
      <span role="status">{known.value ? "Token saved." : ""}</span>
    </details>
  );
}
