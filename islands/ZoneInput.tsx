/** The time zone of a chart: a field of a form, with the zones to choose from; kept in a cookie. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

const YEAR_SECONDS = 31_536_000;

function isZone(tz: string): boolean {
  try {
    return tz === "" || Intl.DateTimeFormat("en", { timeZone: tz }) !== null;
  } catch {
    return false;
  }
}

/** @param props.tz the zone that is shown; empty for UTC. */
export default function ZoneInput({ tz }: { readonly tz: string }) {
  const zones = useSignal<readonly string[]>([]);
  useEffect(() => {
    const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
    zones.value = [...new Set(["UTC", timeZone, ...Intl.supportedValuesOf("timeZone")])];
    if (isZone(tz)) {
      const age = tz === "" ? 0 : YEAR_SECONDS;
      document.cookie = `tz=${encodeURIComponent(tz)}; path=/plugins; max-age=${age}; samesite=lax`;
    }
  }, []);
  return (
    <label>
      <span>Time zone</span>
      <input name="tz" list="time-zones" defaultValue={tz} placeholder="UTC" />
      <datalist id="time-zones">
        {zones.value.map((zone) => <option key={zone} value={zone} />)}
      </datalist>
    </label>
  );
}
