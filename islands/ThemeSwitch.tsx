/** Light, dark, or as the system has it; kept in a cookie, so that pages come in it. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

const themes = ["system", "light", "dark"] as const;
type Theme = typeof themes[number];

const YEAR_SECONDS = 31_536_000;

/** @param props.theme what the cookie says. */
export default function ThemeSwitch(props: { readonly theme: string | null }) {
  const theme = useSignal<Theme>(themes.find((each) => each === props.theme) ?? "system");
  const alive = useSignal(false);
  useEffect(() => {
    alive.value = true;
  }, []);
  const choose = (chosen: Theme) => {
    theme.value = chosen;
    document.cookie = `theme=${chosen}; path=/; max-age=${YEAR_SECONDS}; samesite=lax`;
    if (chosen === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = chosen;
    dispatchEvent(new Event("themechange"));
  };
  return (
    <label class="theme" data-waiting={!alive.value}>
      <select
        aria-label="Theme"
        value={theme.value}
        onChange={(event) => choose(event.currentTarget.value as Theme)}
      >
        {themes.map((each) => (
          <option key={each} value={each} selected={each === theme.value}>
            {each[0].toUpperCase() + each.slice(1)}
          </option>
        ))}
      </select>
    </label>
  );
}
