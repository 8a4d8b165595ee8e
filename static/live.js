/**
 * Keeps the page's figures fresh: asks the API once a second while the page is seen, less often
 * when it does not answer. Without this script the page shows the figures of its loading.
 */
const STATUS_MS = 1000;
const METRICS_EVERY = 2;
const MOST_MS = 15_000;

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const fraction = new Intl.NumberFormat("en", {
  minimumFractionDigits: 2,
  maximumFractionDigits: 2,
});

const figure = (value) => value === null ? "–" : whole.format(value);
const instant = (iso) => iso === null ? "–" : iso.slice(0, 19).replace("T", " ");
const greatest = (values) =>
  values.reduce((a, b) => b !== null && (a === null || b > a) ? b : a, null);

function show(name, text) {
  for (const element of document.querySelectorAll(`[data-live="${name}"]`)) {
    if (element.textContent !== text) element.textContent = text;
  }
}

/** As `figuresOf` in routes/figures.ts. */
function figuresOf(status) {
  const all = status.topics.flatMap((topic) => topic.partitions);
  const sum = (name) => all.reduce((total, partition) => total + partition[name], 0);
  const offsets = (name) => all.reduce((total, partition) => total + BigInt(partition[name]), 0n);
  return {
    partitions: all.length,
    records: offsets("log_end"),
    frontier: offsets("speed_frontier"),
    archived: offsets("archived"),
    cut: offsets("cut"),
    events: sum("events"),
    lag: sum("lag_records"),
    late: sum("late_events"),
    repeats: sum("repeats"),
    deadLetters: sum("dead_letters"),
    run: greatest(status.plugins.map((plugin) => plugin.run)),
    drift: greatest(status.plugins.map((plugin) => plugin.drift)),
    watermark: greatest(all.map((partition) => partition.watermark)),
  };
}

function problemsOf(status) {
  const partitions = status.topics.flatMap(({ topic, partitions }) =>
    partitions.filter((p) => p.error !== null)
      .map((p) => `${topic}, partition ${p.partition}: ${p.error}`)
  );
  const plugins = status.plugins.filter((plugin) => plugin.error !== null)
    .map((plugin) => `${plugin.plugin}: ${plugin.error}`);
  return [...new Set([...status.problems, ...partitions, ...plugins])];
}

function showState(text, ready) {
  const state = document.querySelector("[data-live-state]");
  state.dataset.ready = ready ? "yes" : "no";
  if (state.textContent !== text) state.textContent = text;
}

function showProblems(problems) {
  const box = document.querySelector("[data-live-problems]");
  const list = box.querySelector("ul");
  const shown = [...list.children].map((item) => item.textContent);
  if (shown.join("\n") === problems.join("\n")) return;
  list.replaceChildren(...problems.map((problem) => {
    const item = document.createElement("li");
    item.textContent = problem;
    return item;
  }));
  box.hidden = problems.length === 0;
}

let before = null;

/** Events per second over the last ten seconds or so. */
function rate(records) {
  const now = performance.now();
  before ??= { now, records, rate: null };
  const seconds = (now - before.now) / 1000;
  if (seconds > 0.5) {
    const latest = Number(records - before.records) / seconds;
    const smooth = before.rate === null ? latest : before.rate * 0.6 + latest * 0.4;
    before = { now, records, rate: smooth };
  }
  return before.rate;
}

async function get(path) {
  const response = await fetch(path, { signal: AbortSignal.timeout(10_000) });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return await response.json();
}

let lastRun = null;

async function refreshStatus() {
  const status = await get("/api/v1/status");
  const { watermark, ...figures } = figuresOf(status);
  for (const [name, value] of Object.entries(figures)) show(name, figure(value));
  show("watermark", instant(watermark));
  show("rate", figure(rate(figures.records)));
  showState(status.ready ? "Live" : "Not ready", status.ready);
  showProblems(problemsOf(status));
  document.querySelector("[data-live-empty]")?.toggleAttribute("hidden", figures.records > 0n);
  document.querySelector("[data-live-unrun]")?.toggleAttribute("hidden", figures.run !== null);
  if (figures.run !== null && figures.run !== lastRun) {
    const { runs: [run] } = await get("/api/v1/batch/runs?limit=1");
    if (run) show("finished", instant(run.finished));
    lastRun = figures.run;
  }
}

function cellText(value, type) {
  if (value === null) return "–";
  if (type === "integer") return whole.format(value);
  if (type === "number" || type === "decimal") return fraction.format(value);
  return String(value);
}

const SVG = "http://www.w3.org/2000/svg";

function bar(share) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "bar");
  svg.setAttribute("viewBox", "0 0 100 1");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const rect = document.createElementNS(SVG, "rect");
  rect.setAttribute("width", String(Math.min(Math.max(share, 0), 1) * 100));
  rect.setAttribute("height", "1");
  svg.append(rect);
  return svg;
}

const numeric = new Set(["integer", "number", "decimal", "uint32"]);

async function refreshTable(table) {
  const { metric, sort } = table.dataset;
  const { columns, rows } = await get(`/api/v1/metrics/${metric}?limit=10`);
  const most = Math.max(...rows.map((row) => Number(row[sort] ?? 0)), 1);
  table.tBodies[0].replaceChildren(...rows.map((row) => {
    const line = document.createElement("tr");
    for (const { name, type } of columns) {
      const cell = line.insertCell();
      cell.textContent = cellText(row[name], type);
      if (numeric.has(type)) cell.className = "number";
      if (name === sort) cell.append(bar(Number(row[name] ?? 0) / most));
    }
    return line;
  }));
  const empty = document.querySelector(`[data-empty="${metric}"]`);
  if (empty) empty.hidden = rows.length > 0;
}

/** A metric that could not answer when the page was made: once it can, the page is made anew. */
async function retryFault(note) {
  await get(`/api/v1/metrics/${note.dataset.fault}?limit=1`);
  location.reload();
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const seen = () =>
  document.visibilityState === "visible"
    ? null
    : new Promise((resolve) =>
      document.addEventListener("visibilitychange", resolve, { once: true })
    );

let waitMs = STATUS_MS;
for (let round = 0;; round++) {
  await seen();
  try {
    await refreshStatus();
    if (round % METRICS_EVERY === 0) {
      // A metric that cannot answer now keeps what it shows.
      await Promise.allSettled([
        ...[...document.querySelectorAll("[data-metric]")].map(refreshTable),
        ...[...document.querySelectorAll("[data-fault]")].map(retryFault),
      ]);
    }
    waitMs = STATUS_MS;
  } catch {
    showState("No connection", false);
    waitMs = Math.min(waitMs * 2, MOST_MS);
  }
  await pause(waitMs);
}
