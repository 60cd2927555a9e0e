// The threshold workbench: one module, no dependency, nothing asked from anywhere. What only moves bars is worked out
// here, from counts; `board.py` and `sentences.py` have the same arithmetic, and the tests hold them against each other.

const Z = 1.959963984540054;
const FEW = 8, MANY = 5, MOST_UNKNOWN = 0.3;
const WORDS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];

// ---- numbers as people read them -------------------------------------------------------------------------------

export const percent = (share) => (Number.isFinite(share) ? `${Math.floor(100 * share + 0.5)} %` : "not known");
const grouped = (value) => value.toLocaleString("en-US", { maximumFractionDigits: 10 });
export function amount(value) {
  if (!Number.isFinite(value)) return "not known";
  return grouped(Math.abs(value) >= 20 ? Math.floor(value + 0.5) : Math.floor(value * 10 + 0.5) / 10);
}
export const signed = (value) => (value > 0 ? "+" : value < 0 ? "\u2212" : "±") + amount(Math.abs(value));
const bare = (points) => String(Number(points.toPrecision(10)));

// ---- arithmetic ------------------------------------------------------------------------------------------------

const sum = (values) => values.reduce((total, value) => total + value, 0);
const nowhere = (board) => board.groups.map(() => board.bars.length + 1);
export const place = (board, bar) => board.bars.reduce((found, value, index) => (value <= bar + 1e-9 ? index : found), 0);

export function weekly(board, bars) {
  const counts = board.weeks.map((_, week) => sum(bars.map((bar, group) => board.volume[group][week][bar])));
  const passes = (stood) => stood !== null && bars[stood[0]] < stood[1];
  for (const [count, before, first, steps] of board.mixed) {
    const step = steps.find(passes);
    const week = passes(first) ? 0 : step ? step[2] : null;
    if (week !== null && !(passes(before) && passes(first))) counts[week] += count;
  }
  return counts;
}

export function mean(counts, t) {
  const weeks = counts.length, total = sum(counts), value = total / weeks;
  const half = t * Math.sqrt(sum(counts.map((count) => (count - value) ** 2)) / (weeks - 1) / weeks);
  const least = total ? total * (1 - 1 / (9 * total) - Z / (3 * Math.sqrt(total))) ** 3 : 0;
  const most = (total + 1) * (1 - 1 / (9 * (total + 1)) + Z / (3 * Math.sqrt(total + 1))) ** 3;
  return [value, Math.max(0, Math.min(value - half, least / weeks)), Math.max(value + half, most / weeks)];
}

export function share(board, low, high, held = false) {
  const outcomes = held ? board.held : board.known;
  let leads = 0, unknown = 0;
  const bands = [];
  board.groups.forEach((_, group) => {
    const own = board.edges[group].map(() => ({ there: 0, n: 0, reached: 0, weight: 0, squares: 0, hits: 0, of: 0, ofReached: 0 }));
    board.band[group].forEach((band, slot) => {
      own[band].of += outcomes.n[group][slot];
      own[band].ofReached += outcomes.reached[group][slot];
      if (slot <= low[group] || slot > high[group]) return;
      own[band].there += board.highest[group][slot];
      own[band].n += outcomes.n[group][slot];
      own[band].reached += outcomes.reached[group][slot];
      own[band].weight += outcomes.weight[group][slot];
      own[band].squares += outcomes.squares[group][slot];
      own[band].hits += outcomes.weight_reached[group][slot];
    });
    for (const band of own) {
      leads += band.there;
      if (band.of < FEW) unknown += band.there;
    }
    bands.push(...own);
  });
  const weight = sum(bands.map((band) => band.weight)), hits = sum(bands.map((band) => band.hits));
  if (!weight) return { value: NaN, low: NaN, high: NaN, n: 0, reached: 0, unknown: leads ? 1 : 0, error: 0 };
  const value = hits / weight;
  const variance = sum(bands.map((band) => {
    const likely = (band.ofReached + 1) / (band.of + 2), rate = band.weight > 0 ? band.hits / band.weight : band.hits;
    return band.squares * (likely * (1 - likely) + (rate - value) ** 2);
  }));
  const error = Math.sqrt(variance) / weight;
  const [least, most] = wilson(value, error);
  return {
    value, low: least, high: most, error,
    n: sum(bands.map((band) => band.n)), reached: sum(bands.map((band) => band.reached)), unknown: leads ? unknown / leads : 0,
  };
}

function wilson(value, error) {
  if (!error) return [value, value];
  const n = Math.max(value * (1 - value), error ** 2) / error ** 2;
  const centre = (value + Z ** 2 / (2 * n)) / (1 + Z ** 2 / n);
  const half = (Z / (1 + Z ** 2 / n)) * Math.sqrt((value * (1 - value)) / n + Z ** 2 / (4 * n ** 2));
  return [Math.max(0, Math.min(value, centre - half)), Math.min(1, Math.max(value, centre + half))];
}

const between = (table, low, high) =>
  sum(table.map((slots, group) => sum(slots.slice(low[group] + 1, high[group] + 1))));

// What a try does, beside the rulebook as it is; `paired` is what only the kernel knows where points were moved.
export function look({ base, board, now, bars, words, stage, capacity, paired }) {
  const mine = weekly(board, bars), perWeek = mean(mine, board.t), reaches = share(board, bars, nowhere(board));
  if (reaches.unknown > MOST_UNKNOWN) Object.assign(reaches, { value: NaN, low: NaN, high: NaN });
  const found = { weekly: mine, perWeek, share: reaches };
  found.tooMany = capacity === null ? null : mine.filter((count) => count > capacity).length;
  found.reach = [reaches.value, reaches.low, reaches.high].map((one) => one * perWeek[0]);
  if (!words) return found;
  const before = look({ base, board: base, now, bars: now, words: "", stage, capacity, paired: null });
  found.now = before;
  found.backlog = paired ? paired[1] : Math.max(0, between(board.stock, bars, now));
  if (!paired) {
    found.gain = gain(board, bars, now);
    const value = before.perWeek[0] * before.share.value + found.gain[0];
    if (Number.isFinite(value)) {
      const half = Z * Math.hypot(found.gain[1], before.perWeek[0] * before.share.error);
      found.reach = [value, Math.max(0, value - half), value + half];
    }
  }
  return found;
}

function gain(board, bars, now) {
  let value = 0, variance = 0;
  const before = weekly(board, now);
  for (let group = 0; group < bars.length; group++) {
    const low = nowhere(board), high = nowhere(board), own = now.slice();
    low[group] = Math.min(bars[group], now[group]);
    high[group] = Math.max(bars[group], now[group]);
    own[group] = bars[group];
    const more = sum(weekly(board, own).map((count, week) => count - before[week])) / before.length;
    if (!more) continue;
    const part = share(board, low, high);
    if (part.unknown > MOST_UNKNOWN || !part.n) return [NaN, NaN];
    value += more * part.value;
    variance += (more * part.error) ** 2;
  }
  return [value, Math.sqrt(variance)];
}

export function sentence(tried) {
  const { words, capacity } = tried, found = look(tried);
  const fits = capacity === null ? "" : `; ${fitting(found, capacity)}`;
  if (!words) return `As it is now: ${amount(found.perWeek[0])} leads a week${fits}.`;
  const volume = `${words[0].toUpperCase()}${words.slice(1)}: ${amount(found.perWeek[0])} leads a week instead of ` +
    `${amount(found.now.perWeek[0])}${fits}.`;
  return [volume, verdict(tried, found), gained(tried, found), merged(found.backlog, capacity)].filter(Boolean).join(" ");
}

function fitting(found, capacity) {
  const over = found.perWeek[0] - capacity, weeks = `${found.tooMany} of ${found.weekly.length} weeks`;
  if (over > 0) return `${amount(over)} more than sales can work, too many in ${weeks}`;
  return found.tooMany ? `fits on average, but not in ${weeks}` : "fits in every week";
}

function verdict({ board, bars, now, stage, paired, waiting }, found) {
  if (!stage || waiting) return "";
  if (paired) {
    if (found.share.unknown > MOST_UNKNOWN || !Number.isFinite(paired[0])) {
      return "Too few of them were ever worked: nobody knows how many reach the stage.";
    }
    if (Math.abs(paired[0]) > Z) return "The difference is larger than chance alone would make.";
    return "With so few outcomes the two cannot be told apart.";
  }
  const low = bars.map((bar, group) => Math.min(bar, now[group])), high = bars.map((bar, group) => Math.max(bar, now[group]));
  if (!between(board.highest, low, high)) return "Nobody changes sides.";
  const whom = bars.every((bar, group) => bar <= now[group]) ? "those who would come in"
    : bars.every((bar, group) => bar >= now[group]) ? "those who would drop out" : "those who would change sides";
  const moved = share(board, low, high), rest = share(board, high, nowhere(board));
  if (moved.unknown > MOST_UNKNOWN || !moved.n) {
    return `Of ${whom}, ${percent(moved.unknown)} have scores at which fewer than ${FEW} leads were ever worked: nobody ` +
      "knows. Pass some on at random for a few weeks: ls.threshold.holdout_sample.";
  }
  const said = `Of ${whom}, ${percent(moved.value)} (${percent(moved.low)} to ${percent(moved.high)}) reach ${stage}`;
  // Newcombe's interval of the difference of two shares, from their own.
  const apart = moved.value - rest.value;
  const most = apart + Math.hypot(moved.high - moved.value, rest.value - rest.low);
  const least = apart - Math.hypot(moved.value - moved.low, rest.high - rest.value);
  if (rest.n && (least > 0 || most < 0)) return `${said}, of the others ${percent(rest.value)}: ${most < 0 ? "fewer" : "more"}.`;
  return `${said}: cannot be told apart from the others (${percent(rest.value)}).`;
}

function gained({ stage, paired, waiting }, found) {
  const more = found.perWeek[0] - found.now.perWeek[0];
  if (!stage || paired || waiting || !more || !Number.isFinite(found.gain[0])) return "";
  return `${signed(more)} leads a week bring ${signed(found.gain[0])} that reach ${stage}.`;
}

function merged(leads, capacity) {
  if (leads <= 0) return "";
  const said = `On the day it is merged ${grouped(leads)} lead${leads > 1 ? "s qualify" : " qualifies"} at once`;
  if (capacity === null) return `${said}.`;
  const weeks = Math.floor(leads / capacity + 0.5);
  if (weeks < 1) return `${said}: less than a week of what sales can work.`;
  return `${said}: ${weeks < WORDS.length ? WORDS[weeks] : grouped(weeks)} week${weeks === 1 ? "" : "s"} of what sales can work.`;
}

// What differs from the rulebook, as people say it.
export function wording(setup, setting) {
  const said = [];
  setup.now.forEach((bar, group) => {
    if (setting.bars[group] !== bar) said.push(`${setup.base.groups[group]} ${bare(bar)} → ${bare(setting.bars[group])}`);
  });
  for (const number of setup.numbers) {
    const value = setting.numbers[number.key];
    if (value !== undefined) said.push(`${`${number.part} ${number.label}`.trim()} ${bare(number.value)} → ${bare(value)}`);
  }
  return said.join("; ");
}

// ---- drawing ---------------------------------------------------------------------------------------------------

function node(tag, attributes = {}, ...children) {
  const svg = ["svg", "g", "line", "rect", "path", "text", "circle"].includes(tag);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || (value === false && !name.startsWith("aria-"))) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    // In ARIA it is "true" and "false", and neither is left out.
    else if (name === "text") made.textContent = value;
    else made.setAttribute(name, value === true && !name.startsWith("aria-") ? "" : String(value));
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

const WIDTH = 400, HEIGHT = 190, EDGE = { left: 40, right: 12, top: 30, bottom: 22 };
const across = (low, high) => (value) =>
  EDGE.left + ((WIDTH - EDGE.left - EDGE.right) * (value - low)) / (high - low || 1);
const upward = (most) => (value) => HEIGHT - EDGE.bottom - ((HEIGHT - EDGE.bottom - EDGE.top) * value) / (most || 1);
function ticks(low, high, count) {
  const step = [1, 2, 5].flatMap((one) => [0.01, 0.1, 1, 10, 100, 1000, 1e4, 1e5].map((ten) => one * ten)).sort((a, b) => a - b)
    .find((one) => (high - low) / one <= count) ?? 1e6;
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + 1e-9; value += step) found.push(Number(value.toPrecision(10)));
  return found;
}
const line = (points) => points.map(([x, y], index) => `${index ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
const band = (top, bottom) => (top.length ? `${line(top)}${line(bottom.slice().reverse()).replace("M", "L")}Z` : "");

function figure(title, under, label, key = null) {
  const svg = node("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label });
  const box = node("figure", { class: "lw-figure" }, node("figcaption", {}, node("b", { text: title }), " ", node("span", { text: under })), svg, key);
  return { box, svg };
}
const keyed = (...pairs) =>
  node("p", { class: "lw-key" }, pairs.map(([kind, text]) => node("span", {}, node("i", { class: kind }), text)));

function grid(svg, x, y, columns, rows, onX, onY) {
  for (const value of rows) {
    svg.append(
      node("line", { x1: EDGE.left, x2: WIDTH - EDGE.right, y1: y(value), y2: y(value), class: "lw-grid" }),
      node("text", { x: EDGE.left - 5, y: y(value) + 3.5, class: "lw-text", "text-anchor": "end", text: onY(value) }),
    );
  }
  for (const value of columns) {
    svg.append(node("text", { x: x(value), y: HEIGHT - EDGE.bottom + 14, class: "lw-text", "text-anchor": "middle", text: onX(value) }));
  }
}

// The bars now and tried on a picture, which can be dragged.
function markers(svg, x, now, tried, moved) {
  const bottom = HEIGHT - EDGE.bottom, near = Math.abs(x(now) - x(tried)) < 40;
  const label = (bar, text, kind, away) =>
    node("text", { x: x(bar) + away, y: EDGE.top - 12, class: `lw-text ${kind}`, "text-anchor": "middle", text });
  svg.append(
    node("line", { x1: x(now), x2: x(now), y1: EDGE.top, y2: bottom, class: "lw-now" }),
    node("line", { x1: x(tried), x2: x(tried), y1: EDGE.top - 4, y2: bottom, class: "lw-tried" }),
    node("circle", { cx: x(tried), cy: EDGE.top - 4, r: 4.5, class: "lw-knob" }),
    label(tried, bare(tried), "lw-strong", 0),
  );
  if (tried !== now) svg.append(label(now, near ? bare(now) : `now ${bare(now)}`, "", near ? (now > tried ? 16 : -16) : 0));
  const handle = node("rect", { x: EDGE.left, y: 0, width: WIDTH - EDGE.left - EDGE.right, height: bottom, class: "lw-handle" });
  const to = (event) => {
    const box = svg.getBoundingClientRect(), at = ((event.clientX - box.left) * WIDTH) / box.width;
    moved((at - EDGE.left) / (WIDTH - EDGE.left - EDGE.right));
  };
  svg.append(handle);
  return to;
}

function pictures(tried, group, onBar, onCapacity) {
  const { board, bars, stage, capacity } = tried, found = look(tried), all = board.bars, now = tried.now[group], mine = bars[group];
  const x = across(all[0], all[all.length - 1]), columns = ticks(all[0], all[all.length - 1], 6);
  const name = board.groups.length > 1 ? board.groups[group] : "";
  const drags = [], drawn = [];
  const mark = (svg) => drags.push(markers(svg, x, all[now], all[mine], (at) => onBar(Math.round(at * (all.length - 1)))));
  const dot = (svg, y, value) => Number.isFinite(value) && svg.append(node("circle", { cx: x(all[mine]), cy: y(value), r: 4.5, class: "lw-knob" }));

  if (stage) {
    const shares = all.map((_, bar) => share(board, board.groups.map((_, one) => (one === group ? bar : all.length + 1)), nowhere(board)));
    const most = Math.min(1, Math.max(0.05, ...shares.map((one) => one.high || 0)) * 1.05), y = upward(most);
    const { box, svg } = figure(`Share that reaches ${stage}`, name ? `${name}, by their bar` : "by threshold",
      `Share that reaches ${stage} by bar: at ${bare(all[mine])} it is ${percent(shares[mine].value)}`, keyed(["lw-band", "95 % interval"], ["lw-blind", "hardly any worked"]));
    grid(svg, x, y, columns, ticks(0, most, 4), bare, percent);
    const known = shares.map((one, bar) => [one, x(all[bar])]).filter(([one]) => Number.isFinite(one.value));
    const blind = shares.map((one) => one.unknown > 0.15).lastIndexOf(true, Math.max(now, mine));
    if (blind >= 0) svg.append(node("rect", { x: x(all[0]), y: EDGE.top, width: x(all[blind]) - x(all[0]), height: HEIGHT - EDGE.top - EDGE.bottom, class: "lw-blind" }));
    svg.append(
      node("path", { d: band(known.map(([one, at]) => [at, y(one.high)]), known.map(([one, at]) => [at, y(one.low)])), class: "lw-band" }),
      node("path", { d: line(known.map(([one, at]) => [at, y(one.value)])), class: "lw-line" }),
    );
    mark(svg);
    dot(svg, y, shares[mine].value);
    drawn.push(box);
  }

  const volumes = all.map((_, bar) => mean(weekly(board, bars.map((other, one) => (one === group ? bar : other))), board.t));
  const most = Math.max(1, ...volumes.map((one) => one[2]), capacity ?? 0) * 1.05, y = upward(most);
  const key = capacity === null ? keyed(["lw-band", "95 % interval"]) : keyed(["lw-band", "95 % interval"], ["lw-fit", "capacity lies inside it"], ["lw-cap", `sales can work ${bare(capacity)}`]);
  const { box, svg } = figure("Leads a week", name ? `all leads, as the bar of ${name} moves` : "by threshold", `Leads a week by bar: at ${bare(all[mine])} there are ${amount(volumes[mine][0])}`, key);
  grid(svg, x, y, columns, ticks(0, most, 4), bare, amount);
  if (capacity !== null) {
    const fit = all.filter((_, bar) => volumes[bar][1] <= capacity && capacity <= volumes[bar][2]);
    if (fit.length) svg.append(node("rect", { x: x(fit[0]), y: EDGE.top, width: Math.max(2, x(fit[fit.length - 1]) - x(fit[0])), height: HEIGHT - EDGE.top - EDGE.bottom, class: "lw-fit" }));
  }
  svg.append(
    node("path", { d: band(volumes.map((one, bar) => [x(all[bar]), y(one[2])]), volumes.map((one, bar) => [x(all[bar]), y(one[1])])), class: "lw-band" }),
    node("path", { d: line(volumes.map((one, bar) => [x(all[bar]), y(one[0])])), class: "lw-line" }),
  );
  if (capacity !== null) svg.append(node("line", { x1: EDGE.left, x2: WIDTH - EDGE.right, y1: y(capacity), y2: y(capacity), class: "lw-cap" }));
  mark(svg);
  dot(svg, y, volumes[mine][0]);
  drawn.push(box, scores(tried, group, x, columns, mark), weeks(tried, found, (drag) => drags.push(drag), onCapacity));
  return { drawn, drags };
}

// Leads by their highest score, split by what becomes of those that sales worked at such a score.
function scores({ board, bars, stage }, group, x, columns, mark) {
  const all = board.bars, name = board.groups.length > 1 ? board.groups[group] : "all leads";
  const edges = board.edges[group], parts = edges.map((from, band) => ({ from, to: edges[band + 1] ?? all[all.length - 1], there: 0, n: 0, weight: 0, hits: 0 }));
  board.band[group].forEach((band, slot) => {
    parts[band].there += board.highest[group][slot];
    for (const outcomes of [board.known, board.held]) {
      parts[band].n += outcomes.n[group][slot];
      parts[band].weight += outcomes.weight[group][slot];
      parts[band].hits += outcomes.weight_reached[group][slot];
    }
  });
  const shown = parts.filter(({ from, to }) => from !== null && to > from), most = Math.max(1, ...shown.map((part) => part.there)) * 1.12, y = upward(most);
  const key = stage ? keyed(["lw-yes", `reach ${stage}, in %`], ["lw-no", "do not"], ["lw-rare", "hardly any worked"]) : null;
  const { box, svg } = figure(stage ? "Scores and what came of them" : "Scores", `${name}, highest score in these weeks`, "Leads by score and outcome", key);
  grid(svg, x, y, columns, ticks(0, most, 4), bare, amount);
  for (const part of shown) {
    const left = x(part.from) + 0.8, width = Math.max(0.5, x(part.to) - x(part.from) - 1.6), bar = all[bars[group]];
    const faded = part.from >= bar ? 1 : part.to <= bar ? 0.45 : 0.72;
    const rect = (from, to, kind) => node("rect", { x: left, width, y: y(to), height: Math.max(0, y(from) - y(to)), class: kind, opacity: faded });
    if (!stage) svg.append(rect(0, part.there, "lw-yes"));
    else if (part.n < FEW) svg.append(rect(0, part.there, "lw-rare"));
    else {
      const rate = part.weight ? part.hits / part.weight : 0;
      svg.append(rect(part.there * rate, part.there, "lw-no"), rect(0, part.there * rate, "lw-yes"),
        node("text", { x: left + width / 2, y: y(part.there) - 3, class: "lw-text lw-small", "text-anchor": "middle", text: Math.floor(100 * rate + 0.5) }));
    }
  }
  mark(svg);
  return box;
}

// What sales can work is a line that can be dragged.
function weeks({ board, capacity }, found, dragged, onCapacity) {
  const mine = found.weekly, now = found.now ? found.now.weekly : mine;
  const most = Math.max(1, ...mine, ...now, capacity ?? 0) * 1.05, y = upward(most), wide = (WIDTH - EDGE.left - EDGE.right) / mine.length;
  const key = keyed(["lw-bar", "tried"], ...(capacity === null ? [] : [["lw-many", "more than sales can work"]]), ["lw-tick", "now"]);
  const { box, svg } = figure("Week by week, replayed", "all leads", `Leads in each week: ${mine.join(", ")}; now ${now.join(", ")}`, key);
  const every = Math.ceil(mine.length / 5), columns = mine.map((_, week) => week).filter((week) => week % every === 0);
  grid(svg, (week) => EDGE.left + (week + 0.5) * wide, y, columns, ticks(0, most, 4), (week) => board.weeks[week], amount);
  mine.forEach((count, week) => {
    const left = EDGE.left + week * wide;
    svg.append(
      node("rect", { x: left + 2, width: Math.max(1, wide - 4), y: y(count), height: y(0) - y(count), class: capacity !== null && count > capacity ? "lw-many" : "lw-bar" }),
      node("line", { x1: left + 1, x2: left + wide - 1, y1: y(now[week]), y2: y(now[week]), class: "lw-tick" }),
    );
  });
  if (capacity !== null) {
    svg.append(node("line", { x1: EDGE.left, x2: WIDTH - EDGE.right, y1: y(capacity), y2: y(capacity), class: "lw-cap" }),
      node("circle", { cx: WIDTH - EDGE.right, cy: y(capacity), r: 4.5, class: "lw-grip" }),
      node("rect", { x: EDGE.left, y: EDGE.top, width: WIDTH - EDGE.left - EDGE.right + 6, height: HEIGHT - EDGE.top - EDGE.bottom, class: "lw-handle lw-upright" }));
    dragged((event) => {
      const box_ = svg.getBoundingClientRect(), at = ((event.clientY - box_.top) * HEIGHT) / box_.height;
      onCapacity(Math.max(1, Math.round((most * (HEIGHT - EDGE.bottom - at)) / (HEIGHT - EDGE.bottom - EDGE.top))));
    });
  }
  return box;
}

function tiles(tried, found, held) {
  const same = !tried.words, was = (text) => (same ? "as it is now" : `now ${text}`);
  const tile = (name, large, small, old, kind = "") => node("div", { class: `lw-tile ${kind}` }, node("span", { text: name }), node("b", { text: large }), node("small", { text: small }), node("small", { text: old }));
  const ends = (figures) => `${amount(figures[1])} to ${amount(figures[2])}`, now = found.now ?? found;
  const over = tried.capacity !== null && found.perWeek[0] > tried.capacity ? "lw-over" : "";
  const made = [tile("Leads a week", amount(found.perWeek[0]), `${ends(found.perWeek)}; ${found.weekly.length} weeks`, was(amount(now.perWeek[0])), over)];
  if (!tried.stage) return made;
  const known = (one) => one.unknown <= MOST_UNKNOWN;
  const value = (one) => (known(one) ? percent(one.value) : "not known");
  made.push(tile(`Reach ${tried.stage}`, value(found.share), known(found.share) ? `${percent(found.share.low)} to ${percent(found.share.high)}; ${grouped(found.share.n)} outcomes`
    : `at ${percent(found.share.unknown)} of their scores hardly any was worked`, was(value(now.share))));
  made.push(tile(`${tried.stage[0].toUpperCase()}${tried.stage.slice(1)} a week`, known(found.share) ? amount(found.reach[0]) : "not known", known(found.share) ? `${ends(found.reach)}; ${grouped(found.share.n)} outcomes` : "", was(known(now.share) ? amount(now.reach[0]) : "not known")));
  if (held) made.push(held);
  return made;
}

// ---- the workbench ---------------------------------------------------------------------------------------------

const copy = (value) => JSON.parse(JSON.stringify(value));
let instances = 0;

// `link` is the kernel: { ask(message), store(state), listen(handler) }; without one the page moves bars only.
export function show(element, setup, link) {
  const id = `lw${++instances}-${Math.random().toString(36).slice(2, 8)}`;
  // A page has one first heading; a cell of a notebook stands below that of the notebook.
  const [title, heading] = link ? ["h3", "h4"] : ["h1", "h2"];
  const start = { bars: setup.now.slice(), numbers: {} };
  let { setting, kept, opened, capacity } = copy({ setting: setup.setting, kept: setup.kept, opened: setup.opened, capacity: setup.capacity });
  let active = setup.base.groups.length - 1, side = "entered", byName = setup.by[0], unfolded = null, saved = "", failed = "", silent = false;
  // The latest answer of the kernel, and the setting that it is of.
  let answer = { of: copy(setting), board: setup.board, paired: setup.paired };
  const past = [], ahead = [], inputs = {};
  const sameNumbers = (one) => JSON.stringify(one.numbers) === JSON.stringify(setting.numbers);

  const root = node("section", { class: "lw", "aria-label": "Threshold workbench", "data-jp-suppress-context-menu": "true" });
  const say = node("p", { class: "lw-say", "aria-live": "polite" }), small = node("div", { class: "lw-tiles" }), drawn = node("div", { class: "lw-pictures" });
  const who = node("div", { class: "lw-who" }), tries = node("div", {}), file = node("div", { class: "lw-file" });
  const controls = node("div", { class: "lw-controls", role: "group", "aria-label": "What to try" });

  const tried = (of = setting) => {
    const moved = Object.keys(of.numbers).length > 0, mine = moved && sameNumbers(answer.of) && answer.board ? answer.board : setup.base;
    const known = moved && sameNumbers(answer.of) && JSON.stringify(answer.of.bars) === JSON.stringify(of.bars);
    return {
      base: setup.base, board: mine, now: setup.now.map((bar) => place(setup.base, bar)), bars: of.bars.map((bar) => place(mine, bar)),
      words: wording(setup, of), stage: setup.stage, capacity, paired: moved ? (known && answer.paired) || [NaN, 0] : null, waiting: moved && !known,
    };
  };

  // One step to undo is a whole drag, or what is done to one control without a pause.
  let editing = null, timer = null;
  const present = () => copy({ setting, capacity });
  const remember = () => { past.push(present()); if (past.length > 200) past.shift(); ahead.length = 0; };
  function edit(key, change) {
    if (editing !== key) remember();
    editing = key;
    clearTimeout(timer);
    timer = setTimeout(() => { editing = null; }, 700);
    change();
    settle();
  }
  function step(from, to) {
    if (!from.length) return;
    to.push(present());
    ({ setting, capacity } = from.pop());
    editing = null;
    synchronise();
    settle();
  }
  const go = (to) => { remember(); setting = copy(to); editing = null; synchronise(); settle(); };

  // A slider and a field for the same number. `values` are the places that the slider steps through.
  function control(key, name, unit, was, values, read, write, spoken = name) {
    const nearest = (value) => values.reduce((best, one, index) => (Math.abs(one - value) < Math.abs(values[best] - value) ? index : best), 0);
    const slider = node("input", { type: "range", min: 0, max: values.length - 1, step: 1, "aria-label": `${spoken}${unit ? `, ${unit}` : ""}` });
    const field = node("input", { type: "number", step: "any", "aria-label": `${spoken}, as a number` });
    const old = node("span", { class: "lw-was" });
    const row = node("div", { class: "lw-row" }, node("span", { class: "lw-name" }, name, " ", old), node("span", { class: "lw-pair" }, slider, field, unit ? node("small", { text: unit }) : null));
    const set = (value) => edit(key, () => { write(value); shown(); });
    const shown = () => {
      const value = read();
      slider.value = nearest(value);
      slider.setAttribute("aria-valuetext", value === was ? bare(value) : `${bare(value)}, now ${bare(was)}`);
      field.value = bare(value);
      old.textContent = value === was ? "" : `now ${bare(was)}`;
      row.classList.toggle("lw-changed", value !== was);
    };
    slider.lwStep = (by) => set(values[Math.max(0, Math.min(values.length - 1, Number(slider.value) + by))]);
    slider.addEventListener("input", () => set(values[Number(slider.value)]));
    field.addEventListener("change", () => {
      const value = Number(field.value);
      if (field.value.trim() && Number.isFinite(value)) set(key.startsWith("bar ") ? values[nearest(value)] : Math.round(value * 1000) / 1000);
      else shown();
    });
    inputs[key] = shown;
    shown();
    return row;
  }
  const steps = (low, high, value) => {
    const size = high - low > 400 ? Math.ceil((high - low) / 200) : 1, places = new Set([value]);
    for (let one = low; one <= high; one += size) places.add(one);
    return [...places].sort((a, b) => a - b);
  };
  const number = (of) => control(of.key, of.label ? `${of.label}` : of.part, of.unit, of.value, steps(of.low, of.high, of.value),
    () => setting.numbers[of.key] ?? of.value,
    (value) => { if (value === of.value) delete setting.numbers[of.key]; else setting.numbers[of.key] = value; }, `${of.part} ${of.label}`.trim());

  function build() {
    controls.append(node(heading, { text: setup.base.groups.length > 1 ? "Bars" : "Bar" }));
    setup.base.groups.forEach((group, index) => {
      const row = control(`bar ${index}`, group, "", setup.now[index], setup.base.bars, () => setting.bars[index], (value) => { setting.bars[index] = value; active = index; });
      row.addEventListener("focusin", () => { if (active !== index) { active = index; draw(); } });
      controls.append(row);
    });
    const alone = setup.numbers.filter((one) => !one.label);
    if (link) controls.append(...alone.map(number));
    if (capacity !== null) {
      const most = Math.max(20, Math.ceil(2 * capacity)), was = capacity;
      controls.append(control("capacity", "Sales can work", "a week", was, steps(1, most, was), () => capacity, (value) => { if (value > 0) capacity = value; }));
    }
    const buttons = node("div", { class: "lw-buttons" });
    controls.append(buttons);
    if (link) {
      const parts = [...new Set(setup.numbers.filter((one) => one.label).map((one) => one.part))];
      if (parts.length) controls.append(node(heading, { text: "Points" }));
      for (const part of parts) {
        const own = setup.numbers.filter((one) => one.part === part && one.label);
        controls.append(node("details", { open: own.some((one) => setting.numbers[one.key] !== undefined) }, node("summary", { text: part }), own.map(number)));
      }
    } else controls.append(node("p", { class: "lw-note", text: "Points, minimum fit and lists of leads need the running notebook: this page is a copy that moves bars only." }));
    return buttons;
  }
  const buttons = build();
  const button = (text, onclick, more = {}) => node("button", { type: "button", onclick, ...more }, text);
  const undo = button("Undo", () => step(past, ahead), { title: "Ctrl+Z" }), redo = button("Redo", () => step(ahead, past), { title: "Ctrl+Y" });
  const back = button("Back to now", () => go(start)), keep = button("Keep this try", keepIt, { class: "lw-main", "data-key": "keep" });
  buttons.append(undo, redo, back, keep);
  function keepIt() {
    const now = tried(), found = look(now), known = now.stage && Number.isFinite(found.share.value);
    kept.push({
      bars: setting.bars.slice(), numbers: { ...setting.numbers }, opened,
      figures: { text: now.words, perWeek: found.perWeek, share: known ? [found.share.value, found.share.low, found.share.high] : null, reach: known && Number.isFinite(found.reach[0]) ? found.reach : null, n: found.share.n, tooMany: found.tooMany },
    });
    draw();
    store();
  }
  const synchronise = () => Object.values(inputs).forEach((shown) => shown());

  // Notebooks take the arrow keys, some before a slider hears of them: they are answered first, at the window.
  const keys = (event) => {
    const at = event.composedPath ? event.composedPath()[0] : event.target;
    if (!root.contains(at)) return;
    const moves = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -5, PageUp: 5, Home: -1e6, End: 1e6 };
    if ((event.ctrlKey || event.metaKey) && !event.altKey && ["z", "y"].includes(event.key.toLowerCase()) && at.type !== "number") {
      if (event.key.toLowerCase() === "z" && !event.shiftKey) step(past, ahead);
      else step(ahead, past);
    } else if (at.lwStep && moves[event.key] && !event.ctrlKey && !event.metaKey && !event.altKey) at.lwStep(moves[event.key]);
    else {
      // What is typed here is no command of the notebook.
      if (!event.ctrlKey && !event.metaKey && event.key !== "Escape") event.stopPropagation();
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
  };
  window.addEventListener("keydown", keys, true);

  // A picture is drawn again while it is dragged, so the pointer is followed at the window.
  let drag = null;
  const follow = (event) => { if (drag !== null && event.buttons) drags[drag](event); };
  const release = () => { drag = null; editing = null; };
  window.addEventListener("pointermove", follow);
  window.addEventListener("pointerup", release);
  let drags = [];

  // At most one question is under way, and of those that wait the newest counts.
  let asked = 0, waiting = false, busy = false, pause = null, patience = null;
  const store = () => link && link.store({ setting: copy(setting), kept: copy(kept), opened, capacity });
  function settle() {
    saved = failed = "";
    draw();
    if (!link) return;
    waiting = true;
    asked += 1;
    clearTimeout(pause);
    pause = setTimeout(pump, 60);
  }
  function pump() {
    if (busy || !waiting) return;
    busy = true;
    waiting = false;
    root.classList.add("lw-busy");
    store();
    clearTimeout(patience);
    patience = setTimeout(() => { silent = true; draw(); }, 10000);
    link.ask({ do: "try", ask: asked, state: { setting: copy(setting), kept: copy(kept), opened, capacity } });
  }
  function answered(message) {
    clearTimeout(patience);
    silent = false;
    if (message.do === "tried" || (message.do === "failed" && message.ask !== null)) {
      busy = false;
      root.classList.remove("lw-busy");
      if (message.ask === asked && message.do === "tried") { answer = { ...message, of: copy(setting) }; unfolded = null; }
      if (message.ask === asked && message.do === "failed") failed = message.text;
    } else if (message.do === "why") unfolded = message;
    else if (message.do === "saved") saved = message.text;
    else if (message.do === "failed") failed = message.text;
    draw();
    pump();
  }

  function draw() {
    const began = performance.now(), now = tried(), found = look(now), same = !now.words;
    const text = sentence(now), colon = text.indexOf(": ") + 1;
    const told = silent ? "The notebook's kernel does not answer: bars still move; run the cell again for points and leads." : failed;
    say.classList.toggle("lw-bad", Boolean(told));
    say.replaceChildren(...(told ? [told] : [node("b", { text: text.slice(0, colon) }), text.slice(colon)]));
    // In a shadow tree, as in marimo, the document knows only its host.
    const at = root.getRootNode().activeElement, focused = root.contains(at) ? at.dataset.key : null;
    small.replaceChildren(...tiles(now, found, held(now)));
    if (!setup.stage) small.append(node("p", { class: "lw-note", text: setup.why }));
    const made = pictures(now, active, (index) => {
      const bar = setup.base.bars[Math.max(0, Math.min(setup.base.bars.length - 1, index))];
      if (bar !== setting.bars[active]) edit(`bar ${active}`, () => { setting.bars[active] = bar; inputs[`bar ${active}`](); });
    }, (value) => { if (value !== capacity) edit("capacity", () => { capacity = value; inputs.capacity(); }); });
    drags = made.drags;
    drawn.replaceChildren(...made.drawn);
    drawn.querySelectorAll(".lw-handle").forEach((handle, index) =>
      handle.addEventListener("pointerdown", (event) => { event.preventDefault(); drag = index; drags[index](event); }));
    people(same);
    list();
    write(same);
    undo.disabled = !past.length;
    redo.disabled = !ahead.length;
    back.disabled = keep.disabled = same;
    if (focused) root.querySelector(`[data-key="${focused}"]`)?.focus();
    root.dataset.ms = (performance.now() - began).toFixed(1);
    root.dataset.drawn = Number(root.dataset.drawn ?? 0) + 1;
  }

  function held(now) {
    if (!setup.held) return null;
    const found = opened ? share(now.board, now.bars, nowhere(now.board), true) : null;
    const after = opened && kept.some((one) => one.opened) ? "chosen after they were opened" : "";
    return node("div", { class: "lw-tile" }, node("span", { text: "Held-back weeks" }), node("b", { text: opened ? percent(found.value) : "closed" }),
      node("small", { text: opened ? `${percent(found.low)} to ${percent(found.high)}; ${grouped(found.n)} outcomes` : setup.held }),
      node("small", { text: opened ? after || `opened at try ${opened}` : "" }),
      opened ? null : button("Open once", () => { opened = kept.length + 1; draw(); store(); }, { title: "Look when you have chosen: each further look makes them worth less", "data-key": "open" }));
  }

  const table = (heads, rows, kind = "") => node("div", { class: "lw-scroll", tabindex: "0", role: "region", "aria-label": heads.join(", ") },
    node("table", { class: kind }, node("thead", {}, node("tr", {}, heads.map((text) => node("th", { scope: "col", text })))), node("tbody", {}, rows)));
  const cells = (row) => row.map((one) => (one instanceof Node ? node("td", {}, one) : node("td", { class: /^[\d.,−+±-]/.test(one) ? "lw-n" : "", text: one })));

  function people(same) {
    who.replaceChildren();
    if (!link) return;
    if (same) { who.append(node("p", { class: "lw-note", text: "Move a bar: who comes in, who drops out, and why." })); return; }
    const part = answer[side];
    if (!part) { who.append(node("p", { class: "lw-note", text: "…" })); return; }
    const names = { entered: "Come in", left: "Drop out" };
    who.append(node("div", { class: "lw-buttons" }, Object.entries(names).map(([one, name]) =>
      button(`${name}: ${grouped(answer[one].n)}`, () => { side = one; unfolded = null; draw(); }, { "aria-pressed": side === one, "data-key": one }))));
    const rows = part.rows.flatMap((row, index) => {
      const open = unfolded && unfolded.side === side && unfolded.row === index;
      const lead = button(row[0], () => { if (open) { unfolded = null; draw(); } else link.ask({ do: "why", ask: null, side, row: index }); }, { class: "lw-link", "aria-expanded": Boolean(open), "data-key": `lead ${index}` });
      const under = open ? [node("tr", {}, node("td", { colspan: row.length }, node("pre", { tabindex: "0", text: unfolded.text })))] : [];
      return [node("tr", {}, cells([lead, ...row.slice(1)])), ...under];
    });
    const more = part.n > part.rows.length ? node("p", { class: "lw-note", text: `${part.rows.length} of ${grouped(part.n)}, those nearest to the bar; all of them in workbench.${side}` }) : null;
    const people_ = part.n ? node("div", {}, table(part.heads, rows), more) : node("p", { class: "lw-note", text: "Nobody." });
    const pick = setup.by.length > 1 ? node("div", { class: "lw-buttons" }, setup.by.map((name) => button(`By ${name}`, () => { byName = name; draw(); }, { "aria-pressed": byName === name, "data-key": `by ${name}` }))) : null;
    const by = byName ? node("div", {}, pick, table([byName, "come in", "drop out", "a week now", "tried"], answer.by[byName].map((row) => node("tr", {}, cells(row))))) : null;
    who.append(node("div", { class: by ? "lw-two" : "" }, people_, by));
  }

  function list() {
    tries.replaceChildren();
    if (!kept.length) return;
    const found = look({ ...tried(start), words: "" }), stage = setup.stage;
    const row = (name, one, last) => node("tr", {}, cells([name, one.text, `${amount(one.perWeek[0])} (${amount(one.perWeek[1])} to ${amount(one.perWeek[2])})`,
      ...(stage ? [one.share ? `${percent(one.share[0])} (${percent(one.share[1])} to ${percent(one.share[2])})` : "not known", one.reach ? `${amount(one.reach[0])} (${amount(one.reach[1])} to ${amount(one.reach[2])})` : "not known"] : []),
      ...(capacity === null ? [] : [`${one.tooMany} of ${setup.base.weeks.length}`]), last]));
    const now = { text: "as it is now", perWeek: found.perWeek, share: Number.isFinite(found.share.value) ? [found.share.value, found.share.low, found.share.high] : null, reach: Number.isFinite(found.reach[0]) ? found.reach : null, tooMany: found.tooMany };
    const heads = ["try", "what", "leads a week", ...(stage ? [`reach ${stage}`, `${stage} a week`] : []), ...(capacity === null ? [] : ["weeks too full"]), "again"];
    const rows = kept.map((one, index) => row(String(index + 1), one.figures, button("Go back to it", () => go({ bars: one.bars, numbers: one.numbers }), { "data-key": `try ${index}`, "aria-label": `Go back to it: try ${index + 1}` })));
    tries.append(node(heading, { text: "Tried" }), table(heads, [row("now", now, ""), ...rows]));
    const cure = setup.held && !opened ? " Open the held-back weeks for the one you choose." : "";
    if (kept.length >= MANY) tries.append(node("p", { class: "lw-note", text: `${kept.length} tries: the best of many looks better than it is.${cure}` }));
    if (kept.some((one) => one.opened)) tries.append(node("p", { class: "lw-note", text: "Chosen after the held-back weeks were opened: they no longer tell how good the choice is." }));
  }

  function write(same) {
    file.replaceChildren();
    if (!link || same) return;
    const pending = busy || waiting || !answer.diff, lines = (answer.diff ?? "…").split("\n");
    const kind = (text) => (text.startsWith("+") ? "lw-add" : text.startsWith("-") ? "lw-take" : text.startsWith("@") ? "lw-at" : "");
    file.append(node(heading, { text: "What would be written" }));
    if (answer.problem && !pending) file.append(node("p", { class: "lw-note", text: answer.problem }));
    file.append(node("pre", { tabindex: "0" }, lines.map((text) => node("span", { class: kind(text), text: `${text}\n` }))));
    if (answer.findings && answer.findings.length) file.append(node("ul", {}, answer.findings.map((text) => node("li", { text }))));
    const writing = () => { store(); link.ask({ do: "save", ask: null, state: { setting: copy(setting), kept: copy(kept), opened, capacity } }); };
    file.append(node("div", { class: "lw-buttons" }, button(`Write ${setup.home} and its summary`, writing, { class: "lw-main", disabled: pending, "data-key": "write" }), node("span", { class: "lw-note", role: "status", text: saved })));
  }

  root.append(
    node(title, { id, text: setup.title }), node("p", { class: "lw-note", text: setup.basis }),
    setup.notes.length ? node("details", { class: "lw-notes" }, node("summary", { text: "What to know of the figures" }), node("ul", {}, setup.notes.map((text) => node("li", { text })))) : null,
    say, node("div", { class: "lw-body" }, controls, node("div", {}, small, drawn)), who, tries, file,
  );
  root.setAttribute("aria-labelledby", id);
  element.append(root);
  if (link) {
    link.listen(answered, (state) => {
      ({ setting, kept, opened, capacity } = copy(state));
      synchronise();
      settle();
    });
    settle();
  } else draw();
  return () => {
    window.removeEventListener("keydown", keys, true);
    window.removeEventListener("pointermove", follow);
    window.removeEventListener("pointerup", release);
    root.remove();
  };
}

function render({ model, el }) {
  let own = "";
  const heard = [];
  const listen = (event, handler) => { model.on(event, handler); heard.push([event, handler]); };
  const link = {
    ask: (message) => model.send(message),
    store: (state) => { own = JSON.stringify(state); model.set("state", state); model.save_changes(); },
    listen: (answered, restored) => {
      listen("msg:custom", answered);
      listen("change:state", () => { const state = model.get("state"); if (JSON.stringify(state) !== own) { own = JSON.stringify(state); restored(state); } });
    },
  };
  const begin = () => show(el, { ...model.get("data"), ...model.get("state") }, link);
  let remove = begin();
  const again = () => {
    remove();
    heard.splice(0).forEach(([event, handler]) => model.off(event, handler));
    remove = begin();
  };
  model.on("change:data", again);
  return () => {
    model.off("change:data", again);
    heard.forEach(([event, handler]) => model.off(event, handler));
    remove();
  };
}

export default { render };
