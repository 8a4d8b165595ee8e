/** Where a browser gives the read token. Works without JavaScript. */
import { page } from "fresh";
import { Head } from "fresh/runtime";
import { define } from "./(_shared)/define.ts";

/** Tokens have at most 256 characters. */
const MAX_BODY_BYTES = 4096;

export const handler = define.handlers({
  GET(ctx) {
    const next = nextOf(ctx.url.searchParams.get("next"));
    return ctx.state.guard.readsNeedToken ? page({ next, wrong: false }) : ctx.redirect(next, 303);
  },
  async POST(ctx) {
    const { req, state: { guard } } = ctx;
    if (Number(req.headers.get("content-length") ?? Infinity) > MAX_BODY_BYTES) {
      return new Response("The form is too large.", { status: 413 });
    }
    const form = new URLSearchParams(await req.text());
    const next = nextOf(form.get("next"));
    if (form.has("sign_out")) return seeOther("/sign-in", guard.signOut());
    const secure = req.headers.get("origin")?.startsWith("https:") ?? false;
    const cookie = guard.signIn(form.get("token") ?? "", secure);
    return cookie === null ? page({ next, wrong: true }, { status: 403 }) : seeOther(next, cookie);
  },
});

/** Only a path of this site. */
function nextOf(next: string | null): string {
  return next !== null && /^\/(?![/\\])[!-~]*$/.test(next) ? next : "/";
}

function seeOther(location: string, cookie: string): Response {
  return new Response(null, { status: 303, headers: { location, "set-cookie": cookie } });
}

export default define.page<typeof handler>(({ data: { next, wrong } }) => (
  <>
    <Head>
      <title>Sign in · Twofold</title>
    </Head>
    <div class="heading">
      <h1>Sign in</h1>
      <p>Reading requires a token. Ask the operator for the read token.</p>
    </div>
    <form method="post" action="/sign-in" class="sign-in">
      <input type="hidden" name="next" value={next} />
      <label>
        Read token <input type="password" name="token" required autofocus autocomplete="off" />
      </label>
      <button type="submit" class="primary">Sign in</button>
      {wrong && <p class="note fault" role="alert">Invalid token.</p>}
    </form>
  </>
));
