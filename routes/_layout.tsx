/** What every page has: the way to the others, the state of the process, the theme. */
import Health from "../islands/Health.tsx";
import Search from "../islands/Search.tsx";
import ThemeSwitch from "../islands/ThemeSwitch.tsx";
import { Explanations } from "./(_components)/explanations.tsx";
import { define } from "./(_shared)/define.ts";
import { type Place, placesOf } from "./(_shared)/places.ts";

export default define.layout(({ Component, state, url }) => {
  // Before a reader has signed in, no other page answers.
  if (url.pathname === "/sign-in") {
    return (
      <main id="main" tabIndex={-1}>
        <Component />
      </main>
    );
  }
  const here = ({ path }: Place) =>
    url.pathname === path || (path !== "/" && url.pathname.startsWith(`${path}/`));
  return (
    <>
      <a class="skip" href="#main">Skip to content</a>
      <header class="top">
        <p class="wordmark">
          <a href="/">Twofold</a>
        </p>
        <nav aria-label="Pages" class="pages" tabIndex={-1}>
          <ul>
            {placesOf(state.services).map((place) => (
              <li key={place.path}>
                <a
                  href={place.path}
                  class={here(place) ? "here" : undefined}
                  aria-current={url.pathname === place.path
                    ? "page"
                    : here(place)
                    ? "true"
                    : undefined}
                >
                  {place.title}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        <div class="tools">
          <Search />
          <Health />
          <ThemeSwitch theme={state.theme} />
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        <Component />
      </main>
      <footer class="bottom">
        <nav aria-label="Machine-readable">
          <a href="/api/v1/openapi.json">OpenAPI</a>
          <a href="/api/v1/status">Status</a>
          <a href="/metrics">Prometheus</a>
          <a href="/readyz">Readiness</a>
        </nav>
        <p>Times are in UTC unless a time zone is named.</p>
        {state.guard.readsNeedToken && (
          <form method="post" action="/sign-in">
            <button type="submit" name="sign_out" value="yes">Sign out</button>
          </form>
        )}
      </footer>
      <Explanations />
    </>
  );
});
