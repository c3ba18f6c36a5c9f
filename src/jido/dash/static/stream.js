// What the server tells, kept by key; whether it still answers.

export const known = new Map();
export const line = { state: "opening", heard: Date.now() / 1000 };

// The server's own beat is every 10 s; after so many milliseconds of silence the line is dead whatever the browser thinks.
const SILENCE = 35_000;
const AGAIN = 2_000;
const HIDDEN = 20_000;

let source = null;
let address = "";
let fresh = false;
let board = "";
let timer = 0;
let away = 0;
let changed = () => {};

export function listen(whenChanged) {
  changed = whenChanged;
  setInterval(() => {
    if (source && line.state === "open" && Date.now() - line.heard * 1000 > SILENCE) again("lost");
  }, 5_000);
  // Tabs that nobody sees do not listen: browsers allow six lines to one server, and clusters are not asked for nobody.
  document.addEventListener("visibilitychange", () => {
    clearTimeout(away);
    if (document.hidden) away = setTimeout(() => { if (document.hidden) shut(); }, HIDDEN);
    else if (!source) open();
  });
}

/** Look at one cluster wholly, or at what a run writes; empty for neither. */
export function look(cluster, run) {
  const query = new URLSearchParams();
  if (cluster) query.set("cluster", cluster);
  if (run) query.set("run", run);
  const wanted = `/events?${query}`;
  if (wanted === address && source) return;
  address = wanted;
  open();
}

function shut() {
  clearTimeout(timer);
  if (source) source.close();
  source = null;
}

function open() {
  shut();
  const mine = new EventSource(address);
  source = mine;
  fresh = true;
  const heard = () => { line.heard = Date.now() / 1000; };
  mine.addEventListener("hello", (event) => {
    if (mine !== source) return;
    heard();
    const name = JSON.parse(event.data).board;
    if (name !== board) fresh = true;
    board = name;
    if (line.state !== "open") { line.state = "open"; changed([]); }
  });
  mine.addEventListener("change", (event) => {
    if (mine !== source) return;
    heard();
    const rows = JSON.parse(event.data);
    // The first message of a line is all there is: what is not in it is gone.
    if (fresh) for (const key of [...known.keys()]) if (!(key in rows)) known.delete(key);
    fresh = false;
    for (const [key, value] of Object.entries(rows)) {
      if (value === null) known.delete(key);
      else known.set(key, value);
    }
    changed(Object.keys(rows));
  });
  mine.addEventListener("beat", heard);
  mine.addEventListener("bye", () => { if (mine === source) again("gone"); });
  mine.onerror = () => {
    if (mine !== source) return;
    // Closed for good: the server answered, and would not have us.
    again(mine.readyState === EventSource.CLOSED && line.state !== "lost" ? "gone" : "lost");
  };
}

function again(state) {
  shut();
  if (line.state !== "gone") line.state = state;
  changed([]);
  timer = setTimeout(open, AGAIN);
}

/** All values whose keys begin so, with the rest of the key. */
export function all(beginning) {
  const found = [];
  for (const [key, value] of known) if (key.startsWith(beginning)) found.push([key.slice(beginning.length), value]);
  return found;
}
