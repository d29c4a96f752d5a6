// The page: it asks the server's own paths, and shows what people wrote as text and never as markup.
import { WORDS } from "./words.js";

const SHOWN_ROWS = 100, SHOWN_INTENTS = 6, REMEMBERED = 12, UNDO_STEPS = 50, MAX_DOTS = 400, SAVE_MS = 300;
const OUT = "out_of_scope"; // the intent of what is to be rejected: a catch-all, by its name
const LINES = ["batch-lines", "compare-lines"];
const $ = (id) => document.getElementById(id);

// ---- What is remembered in this browser; tokens are not

const memory = (() => {
	try { return JSON.parse(localStorage.getItem("playground")) ?? {}; } catch { return {}; }
})();
const state = { agent: "", language: "", tab: "", question: "", ...memory };
// By agents, which may be called as anything that objects have.
for (const name of ["asked", "jobs"]) state[name] = Object.assign(Object.create(null), memory[name]);
function remember() {
	try { localStorage.setItem("playground", JSON.stringify(state)); } catch { /* a browser that keeps nothing */ }
}

// The fragment of the address goes into no request; it stays, so that the page can be loaded again.
let token = new URLSearchParams(location.hash.slice(1)).get("token") ?? "";
let config = { trains: false };
let trains = false;
let agents = [];
let info = null; // of the agent; null until it has been taught
let rows = []; // its examples
let history = [];
let filter; // the label whose examples are shown; undefined: all
let shownRows = SHOWN_ROWS;
let last = null; // { text, answer, before, near }
let waiting = ""; // a question that came before the agent could answer
let allIntents = false;
let predicted = null; // the agent's answers to its own examples
let versions = [];
let making = true;

// ---- Words

const word = (key) => WORDS[state.language][key];
const t = (key, ...values) => word(key).replace(/\{(\d)\}/g, (_, number) => values[number]);
const percent = (share) => new Intl.NumberFormat(state.language, { style: "percent" }).format(share < 1 ? Math.min(share, 0.99) : 1);
const nameOf = (label) => (label === OUT ? t("outOfScope") : label);
const labelOf = (name) => (name.trim() === t("outOfScope") ? OUT : name.trim().normalize("NFC"));

function speak(language) {
	state.language = language;
	document.documentElement.lang = language;
	for (const [key, property] of [["t", "textContent"], ["p", "placeholder"], ["l", "ariaLabel"]])
		for (const element of document.querySelectorAll(`[data-${key}]`)) element[property] = t(element.dataset[key]);
	$("language").textContent = t("language");
	$("language").lang = language === "en" ? "ko" : "en";
	remember();
}

// ---- Elements; strings become text

const there = (children) => children.filter((child) => child !== null);
function h(tag, properties = {}, ...children) {
	const element = document.createElement(tag);
	for (const [name, value] of Object.entries(properties)) {
		if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
		else if (name in element && name !== "list") element[name] = value;
		else element.setAttribute(name, value);
	}
	element.append(...there(children));
	return element;
}
const button = (text, onclick, properties = {}) => h("button", { type: "button", onclick, ...properties }, text);
const show = (id, ...children) => $(id).replaceChildren(...there(children));
const quiet = (text, onclick, more = {}) => button(text, onclick, { className: "quiet", ...more });
const muted = (...children) => h("span", { className: "muted" }, ...children);
const list = (items, className = "plain") => h("ul", { className }, ...items.map((parts) => h("li", {}, ...parts)));
const said = (text, tag = "bdi") => h(tag, { className: "said", dir: "auto" }, text);

function complain(error) {
	$("problem").hidden = !error;
	show("problem", ...(error ? [h("span", {}, error.message ?? error), button("×", () => complain(null), { className: "quiet", ariaLabel: t("remove") })] : []));
}

// A handler whose errors are shown, and that cannot be called twice at a time.
function guarded(work) {
	let busy = false;
	return async (event) => {
		event?.preventDefault?.();
		if (busy) return;
		busy = true;
		complain(null);
		try { await work(event); } catch (error) { complain(error); } finally { busy = false; }
	};
}

// ---- The server

async function request(path, body, method = body === undefined ? "GET" : "POST", more = {}) {
	const headers = token ? { Authorization: `Bearer ${token}` } : {};
	const sent = body === undefined ? {} : { body: JSON.stringify(body) };
	let response;
	try { response = await fetch(path, { method, headers, cache: "no-store", ...sent, ...more }); } catch { throw new Error(t("lost")); }
	if (response.ok) return response;
	const problem = (await response.json().catch(() => null))?.error;
	throw Object.assign(new Error(problem?.message ?? `${response.status} ${response.statusText}`), { status: response.status });
}
const api = async (...call) => (await request(...call)).json();
const at = (rest, agent = state.agent) => `v1/agents/${encodeURIComponent(agent)}${rest}`;

async function* happenings(job) {
	const reader = (await request(`v1/train/${job}/events`)).body.pipeThrough(new TextDecoderStream()).getReader();
	let text = "";
	for (let part = await reader.read(); !part.done; part = await reader.read()) {
		const blocks = (text + part.value).split("\n\n");
		text = blocks.pop();
		for (const block of blocks) {
			const event = /^event: (.*)$/m.exec(block), data = /^data: (.*)$/m.exec(block);
			if (event && data) yield [event[1], JSON.parse(data[1])];
		}
	}
}

// ---- Agents

async function loadAgents() {
	agents = (await api("v1/agents")).agents.map((agent) => agent.name);
	const names = state.agent && trains && !agents.includes(state.agent) ? [...agents, state.agent] : agents;
	const option = (chosen) => (name) => h("option", { value: name, selected: chosen.includes(name) }, name);
	show("agent", ...names.map(option([state.agent])));
	const chosen = [...$("batch-agents").selectedOptions].map((one) => one.value);
	show("batch-agents", ...agents.map(option(chosen.length ? chosen : [state.agent])));
	$("choose").hidden = !names.length;
}

async function choose(name) {
	state.agent = name;
	rows = []; history = []; filter = undefined; last = null; waiting = ""; predicted = null; versions = []; info = null;
	show("progress");
	remember();
	await loadAgents();
	if (!name) return render();
	if (trains) rows = (await api(at("/examples"))).rows;
	await look();
	render();
	if (state.jobs[name]) watch(name, state.jobs[name]);
	const [asked] = state.asked[name] ?? [];
	if (asked && info) await ask(asked.text);
}

// The agent as it is now.
async function look() {
	try { info = await api(at("")); } catch (error) { if (error.status !== 404) throw error; info = null; }
	predicted = null;
	if (trains && info) versions = (await api(at("/versions"))).versions;
}

// ---- Asking

async function ask(text) {
	const agent = state.agent, former = last;
	state.question = text;
	waiting = "";
	const answer = await api(at("/predict"), { text, top_k: 1000 });
	const near = trains && rows.length ? (await api(at("/nearest"), { text, count: 4 })).nearest : [];
	if (agent !== state.agent) return;
	const before = former?.text !== text ? null : former.answer.version === answer.version ? former.before : former.answer;
	last = { text, answer, before, near };
	const { label, in_scope } = answer;
	state.asked[agent] = [{ text, label, in_scope }, ...(state.asked[agent] ?? []).filter((one) => one.text !== text)].slice(0, REMEMBERED);
	remember();
	renderAnswer();
}

function marked(text, entities) {
	const letters = [...text], between = (start, end) => letters.slice(start, end).join(""), parts = []; // the server counts characters
	let last = 0;
	for (const { start, end, entity, value } of entities) {
		if (start < last) continue;
		parts.push(between(last, start), h("mark", { title: value }, between(start, end), h("small", {}, ` ${entity}`)));
		last = end;
	}
	return h("p", { className: "said quote", dir: "auto" }, ...parts, between(last));
}

function renderAnswer() {
	const asked = state.asked[state.agent] ?? [];
	const again = (text, className, ...shown) => h("button", { type: "button", className, onclick: guarded(() => put(text)) }, ...shown);
	show("suggestions", ...(asked.length || !info ? [] : word("suggestions").map((text) => h("li", {}, again(text, "chip", text)))));
	const clear = () => { delete state.asked[state.agent]; last = null; state.question = $("question").value = ""; remember(); renderAnswer(); };
	show("asked", ...(asked.length ? [h("h3", {}, t("asked"), " ", quiet(t("clear"), clear)), list(asked.map((one) =>
		[again(one.text, "line", said(one.text), muted(one.in_scope ? said(one.label) : t("outOfScope")))]))] : []));
	if (!last) return show("answer"), show("ranking"), show("why");
	const { text, answer, before, near } = last, { in_scope, label, score, threshold } = answer;
	const scope = t(in_scope ? "inScope" : "outOfScope"), nearest = answer.top_k.find((one) => one.label !== OUT);
	const former = before && ` · ${before.in_scope ? t("before", before.label, percent(before.score)) : t("beforeOut")}`;
	show("answer", marked(text, answer.entities ?? []),
		h("p", { className: in_scope ? "verdict" : "verdict out" }, h("strong", {}, in_scope ? said(label) : `⊘ ${scope}`),
			in_scope ? h("span", { className: "badge" }, `✓ ${scope}`) : null, muted(in_scope ? t("sure", percent(score)) : t("nearestIntent", nearest.label, percent(nearest.score)))),
		h("p", { className: "muted small" }, threshold === null ? t("noThreshold") : t("scope", answer.scope_score.toFixed(2), threshold.toFixed(2)), former));
	const scores = new Map(before?.top_k.map((one) => [one.label, one.score]));
	const listed = allIntents ? answer.top_k : answer.top_k.slice(0, SHOWN_INTENTS);
	show("ranking", h("ol", { className: "bars" }, ...listed.map((one) => bar(one.label, one.score, scores.get(one.label)))),
		answer.top_k.length > listed.length ? quiet(t("showAll", answer.top_k.length), () => { allIntents = true; renderAnswer(); }) : null,
		trains ? quiet(`⊘ ${t("addOut")}`, guarded(() => learn(text, OUT))) : null,
		trains ? h("p", { className: "muted small" }, t("addHint")) : null);
	show("why", ...(near.length ? [h("h3", {}, t("why")), list(near.map((one) => [said(one.text), muted(said(nameOf(one.label)), ` ${one.similarity.toFixed(2)}`)]))] : []));
}

function track(share, former) {
	const made = h("span", { className: "track", ariaHidden: "true" }, h("i"), former === undefined ? null : place(h("b"), former));
	made.firstChild.style.width = `${100 * share}%`;
	return made;
}
const place = (element, share) => { element.style.insetInlineStart = `${100 * share}%`; return element; };

function bar(label, score, former) {
	const does = t("addTo", last.text.slice(0, 80), nameOf(label));
	const add = trains ? button("+", guarded(() => learn(last.text, label)), { className: "plus", ariaLabel: does }) : null;
	return h("li", {}, said(nameOf(label), "span"), track(score, former), h("span", { className: "number" }, percent(score)), add);
}

async function put(text) {
	$("question").value = text;
	await ask(text);
}

// ---- Examples

let saving = 0;
function change(edit, render = renderExamples) {
	history = [...history, rows].slice(-UNDO_STEPS);
	rows = edit(rows);
	save();
	render();
}
function save() {
	predicted = null;
	$("saved").textContent = "…";
	clearTimeout(saving);
	saving = setTimeout(() => flush().catch(complain), SAVE_MS);
}
async function flush(more) {
	if (!saving) return;
	clearTimeout(saving);
	saving = 0;
	await api(at("/examples"), { rows }, "PUT", more);
	if (!saving) $("saved").textContent = t("saved");
}

// A text has one intent: one that is there moves.
const without = (all, text) => all.filter((row) => row.text !== text);
const labels = () => [...new Set(rows.map((row) => row.label))].sort((one, other) => (one === OUT) - (other === OUT) || nameOf(one).localeCompare(nameOf(other)));
const intents = () => labels().filter((label) => label !== OUT);

async function learn(text, label) {
	change((all) => [...without(all, text), { text, label }]);
	await teach();
}

function renderExamples() {
	if (!trains) return;
	renderIntents();
	const wanted = rows.map((row, number) => [row, number]).filter(([row]) => filter === undefined || row.label === filter);
	const more = wanted.length - shownRows;
	const wide = (content) => h("tr", {}, h("td", { colSpan: 3, className: "muted" }, content));
	show("rows", ...wanted.slice(0, shownRows).map(([row, number]) => line(row, number)),
		more > 0 ? wide(quiet(t("moreRows", more), () => { shownRows += SHOWN_ROWS; renderExamples(); })) : null, rows.length ? null : wide(t("noExamples")));
}

function renderIntents() {
	const known = labels();
	if (!known.includes(filter)) filter = undefined;
	const chip = (label) => {
		const count = rows.filter((row) => label === undefined || row.label === label).length;
		const made = button(label === undefined ? t("all") : nameOf(label), () => { filter = label; shownRows = SHOWN_ROWS; renderExamples(); }, { className: "chip", ariaPressed: String(filter === label) });
		made.append(h("small", {}, ` ${count}`));
		return h("li", {}, made);
	};
	show("intents", ...(rows.length ? [undefined, ...known] : []).map(chip));
	show("labels", ...[...intents(), OUT].map((label) => h("option", { value: nameOf(label) })));
	$("rename").hidden = filter === undefined;
	const input = h("input", { value: nameOf(filter), ariaLabel: t("rename") }), label = filter;
	const rename = () => {
		filter = labelOf(input.value) || label;
		change((all) => all.map((row) => (row.label === label ? { ...row, label: filter } : row)));
	};
	show("rename", ...(label !== OUT ? [input, button(t("renameButton"), rename)] : []), quiet(t("removeIntent"), () => change((all) => all.filter((row) => row.label !== label))));
	$("undo").disabled = !history.length;
	$("teach").disabled = intents().length < 2;
}

function line(row, number) {
	const about = ` ${row.text.slice(0, 60)}`;
	// The table stays as it is while somebody goes through it.
	const field = (name, value, more) => {
		const input = h("input", { value, dir: "auto", ...more });
		input.addEventListener("change", () => {
			if (!input.value.trim()) return void (input.value = value);
			const given = name === "label" ? labelOf(input.value) : input.value.trim();
			change((all) => all.map((one, other) => (other === number ? { ...one, [name]: given } : one)), renderIntents);
		});
		return h("td", {}, input);
	};
	const remove = () => { change((all) => all.filter((_, other) => other !== number)); $("add-text").focus(); };
	return h("tr", { className: row.label === OUT ? "reject" : "" }, field("text", row.text, { ariaLabel: t("exampleText") }), field("label", nameOf(row.label), { list: "labels", ariaLabel: t("intent") + about }),
		h("td", {}, button("×", remove, { className: "plus", ariaLabel: t("remove") + about })));
}

// ---- Teaching

async function teach() {
	await flush();
	const agent = state.agent;
	if (state.jobs[agent]) await request(`v1/train/${state.jobs[agent]}`, undefined, "DELETE").catch(() => null);
	const { job } = await api("v1/train", { agent, rows });
	state.jobs[agent] = job;
	remember();
	watch(agent, job);
}

const watched = new Set();
async function watch(agent, job) {
	if (watched.has(job)) return;
	watched.add(job);
	const tell = (text, share, isOver) => {
		if (agent !== state.agent || (state.jobs[agent] !== job && !isOver)) return;
		show("progress", h("span", {}, text), share === undefined ? null : track(share), isOver ? null : quiet(t("cancel"), guarded(() => request(`v1/train/${job}`, undefined, "DELETE"))));
	};
	let started = 0, answersAlready = false, over = false;
	const is = {
		queued: () => tell(t("queued")),
		started: (data) => { started = data.time; tell(t("queued")); },
		probe_ready: () => { answersAlready = true; tell(t("probeReady")); return renew(agent).catch(complain); },
		progress: ({ doing, step, steps }) => tell((answersAlready ? t("probeReady") : "") + t(doing, Math.round((100 * step) / steps)), step / steps),
		ready: ({ time, accuracy, method }) => finish(t(accuracy === null ? "ready" : "readyAccuracy", Math.round(time - started), percent(accuracy)) + (method === "probe" ? ` ${t("readyProbe")}` : "")),
		failed: (data) => finish(t("failed", data.error.message)),
		cancelled: () => finish(t("cancelled")),
	};
	const finish = async (text) => {
		over = true;
		if (state.jobs[agent] === job) { delete state.jobs[agent]; remember(); }
		if (agent !== state.agent || state.jobs[agent]) return;
		await renew(agent).catch(complain);
		tell(text, undefined, true);
	};
	while (!over && state.jobs[agent] === job) {
		try {
			for await (const [event, data] of happenings(job)) await is[event]?.(data);
		} catch (error) {
			if (error.status) return finish(error.message);
			tell(t("lost"));
		}
		if (!over) await new Promise((done) => setTimeout(done, 1000));
	}
}

// Another version answers from now on: what was asked is asked again.
async function renew(agent) {
	if (agent !== state.agent) return;
	await loadAgents();
	await look();
	renderAnswer();
	renderTabs();
	const text = last?.text ?? waiting;
	if (text) await ask(text);
}

// ---- Threshold and mistakes

async function predictOwn() {
	if (predicted) return predicted;
	const own = rows.slice(0, config.max_rows);
	const answers = own.length ? (await api(at("/predict"), { texts: own.map((row) => row.text), top_k: 2 })).predictions : [];
	predicted = own.map((row, number) => ({ ...row, answer: answers[number] })).filter((one) => !one.answer.error);
	return predicted;
}

async function renderThreshold() {
	if (!info || !rows.length) return show("strip"), show("threshold-rejected"), void ($("threshold-effect").textContent = "");
	const own = await predictOwn();
	const input = $("threshold");
	input.value = info.threshold ?? 0;
	const dots = own.slice(0, MAX_DOTS).map((one, number) => {
		const dot = place(h("i", { className: one.label === OUT ? "dot out" : "dot" }), one.answer.scope_score);
		dot.style.insetBlockStart = `${(one.label === OUT ? 62 : 8) + ((number * 37) % 30)}%`;
		return dot;
	});
	const mark = h("b");
	show("strip", ...dots, mark);
	const effect = () => {
		const value = Number(input.value);
		const rejected = own.filter((one) => one.answer.scope_score < value || one.answer.label === OUT);
		const out = own.filter((one) => one.label === OUT);
		const lost = rejected.filter((one) => one.label !== OUT);
		place(mark, value);
		$("threshold-value").textContent = value.toFixed(2);
		$("threshold-effect").textContent = [t("thresholdEffect", value.toFixed(2), lost.length, own.length - out.length), out.length ? t("thresholdOut", rejected.length - lost.length, out.length) : "", value === info.threshold ? t("inUse") : ""].join(" ");
		show("threshold-rejected", list(lost.slice(0, 8).map((one) => [said(one.text), muted(said(one.label), ` ${one.answer.scope_score.toFixed(2)}`)])));
	};
	input.oninput = effect;
	effect();
}

async function renderCheck() {
	if (!info || !rows.length) return show("confusions");
	const pairs = new Map();
	for (const { text, label, answer } of await predictOwn()) {
		if (label === OUT || answer.label === label) continue;
		const key = JSON.stringify([label, answer.label]);
		pairs.set(key, [...(pairs.get(key) ?? []), text]);
	}
	const listed = [...pairs].sort((one, other) => other[1].length - one[1].length).slice(0, 12);
	show("confusions", h("h3", {}, t("confusions")),
		listed.length ? list(listed.map(([key, texts]) => [said(t("confusion", ...JSON.parse(key), texts.length)), muted(said(texts[0]))])) : muted(t("nothing")));
}

async function check() {
	const { findings } = await api("v1/examples/check", { rows });
	show("findings", h("h3", {}, t("findings")), findings.length ? list(findings.slice(0, 40).map((finding) => {
		const texts = finding.rows.slice(0, 3).map((number) => rows[number].text), other = finding.kind === "wrong label" ? finding.labels[1] : null;
		const move = () => { change((all) => all.map((row) => (row.text === texts[0] ? { ...row, label: other } : row))); return check(); };
		return [h("p", {}, h("span", { className: finding.is_problem ? "badge warn" : "badge" }, word("kinds")[finding.kind] ?? finding.kind), " ", said(finding.labels.map(nameOf).join(" · "))),
			...texts.map((text) => said(text, "p")), h("p", { className: "muted small", lang: "en" }, `${finding.reason}. ${finding.advice}.`),
			other === null ? null : button(t("moveTo", nameOf(other)), guarded(move))];
	}), "findings") : muted(t("nothing")));
}

// ---- Many lines

const linesOf = (id) => $(id).value.split("\n").map((text) => text.trim()).filter(Boolean);
const cell = (answer) => (answer.error ? h("td", { className: "problem" }, answer.error.message) : h("td", {}, ...(answer.in_scope ? [said(answer.label), muted(` ${percent(answer.score)}`)] : [`${t("outOfScope")} `, muted(said(nameOf(answer.label)))])));
function table(id, heads, body) {
	show(id, h("table", { className: "answers" }, h("thead", {}, h("tr", {}, ...heads.map((head) => h("th", { scope: "col" }, said(head))))), h("tbody", {}, ...body)));
}

async function batch() {
	const texts = linesOf("batch-lines"), names = [...$("batch-agents").selectedOptions].map((one) => one.value);
	const count = texts.length * names.length;
	if (!count) return;
	const began = performance.now();
	const { predictions } = await api("v1/predict", { rows: texts.flatMap((text) => names.map((agent) => ({ text, agent }))), top_k: 1 });
	$("batch-time").textContent = t("batchTime", count, names.length, Math.round(performance.now() - began));
	table("batch-answers", [t("lines"), ...names], texts.map((text, number) => h("tr", {}, h("th", { scope: "row" }, said(text)), ...predictions.slice(number * names.length, (number + 1) * names.length).map(cell))));
}

function renderVersions() {
	const name = (version) => `${version.number} · ${version.method}${version.in_use ? ` · ${t("inUse")}` : ""}`;
	const other = versions.findLast((version) => !version.in_use);
	const fill = (id, chosen) => show(id, ...versions.map((version) => h("option", { value: version.number, selected: chosen(version) }, name(version))));
	fill("version-a", (version) => version === other);
	fill("version-b", (version) => version.in_use);
	$("compare").disabled = versions.length < 2;
	$("compare-sum").textContent = versions.length < 2 ? t("noVersions") : "";
}

async function compare() {
	const texts = linesOf("compare-lines"), chosen = ["version-a", "version-b"].map((id) => $(id));
	if (!texts.length) return;
	const [one, other] = await Promise.all(chosen.map(async (select) => (await api(at(`/versions/${select.value}/predict`), { texts, top_k: 1 })).predictions));
	const differs = texts.map((_, number) => one[number].label !== other[number].label || one[number].in_scope !== other[number].in_scope);
	$("compare-sum").textContent = t("compareSum", differs.filter(Boolean).length, texts.length);
	table("compare-answers", [t("lines"), ...chosen.map((select) => select.selectedOptions[0].textContent)],
		texts.map((text, number) => h("tr", differs[number] ? { className: "differs" } : {}, h("th", { scope: "row" }, said(text)), cell(one[number]), cell(other[number]))));
}

// ---- Taking it along

function hand(blob, name) {
	const link = h("a", { href: URL.createObjectURL(blob), download: name });
	link.click();
	setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
const csv = (all) => [["text", "label"], ...all.map((row) => [row.text, row.label])].map((cells) => `${cells.map((cell) => (/[",\n\r]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell))}\n`).join("");

async function publish() {
	const body = { repository: $("repository").value.trim(), token: $("hub-token").value, private: $("private").checked };
	const base = $("hub-base").value.trim();
	const { url } = await api(at("/publish"), base ? { ...body, base } : body);
	$("hub-token").value = "";
	$("published").textContent = t("publishedAt", url);
}

// ---- Making

function openMaker(isNew) {
	making = isNew;
	$("name").value = "";
	$("maker-title").textContent = t(isNew ? "makeTitle" : "importTitle");
	$("make").textContent = t(isNew ? "make" : "importButton");
	$("maker-name").hidden = !($("name").required = isNew);
	$("maker-problem").textContent = "";
	$("paste").value = "";
	$("maker").showModal();
}

const kindOf = (text) => (/^\s*[[{]/.test(text) ? "jsonl" : /^(version|nlu)\s*:/m.test(text) ? "yml" : text.trimStart().split("\n", 1)[0].includes("\t") ? "tsv" : "csv");

async function made() {
	const name = $("name").value.trim(), text = $("paste").value;
	if (making && agents.includes(name.normalize("NFC"))) throw new Error(t("nameTaken"));
	const found = text.trim() ? await api("v1/examples/read", { name: `examples.${kindOf(text)}`, content: text }) : { rows: [], warnings: [] };
	const added = found.rows.map((row) => ({ text: row.text, label: labelOf(row.label) }));
	if (making) await api(at("/examples", name)); // which says if it can be a name
	if (making) await begin(name, added);
	else change((all) => [...added.reduce((kept, row) => without(kept, row.text), all), ...added]);
	$("maker").close();
	$("question").focus();
	if (making) await (intents().length > 1 ? teach() : flush());
	if (found.warnings.length) complain(found.warnings.join(" "));
}

async function begin(name, examples) {
	state.question = $("question").value = "";
	await flush();
	await choose(name.normalize("NFC"));
	change(() => examples);
	history = [];
	renderExamples();
}

async function readFile(file) {
	const bytes = await file.arrayBuffer();
	try { return new TextDecoder("utf-8", { fatal: true }).decode(bytes); } catch { return new TextDecoder("euc-kr").decode(bytes); }
}

// ---- The page

const PANELS = { threshold: renderThreshold, check: renderCheck, batch: null, compare: renderVersions, share: null };

function renderTabs() {
	const names = Object.keys(PANELS).filter((name) => trains || name === "batch");
	if (!names.includes(state.tab)) state.tab = names[0];
	const open = (name, focus) => { state.tab = name; remember(); renderTabs(); if (focus) $(`tab-${name}`).focus(); };
	const move = (event, number) => {
		const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
		if (step) open(names[(number + step + names.length) % names.length], true);
	};
	show("tabs", ...names.map((name, number) => button(word("tabs")[name], () => open(name, true), {
		id: `tab-${name}`, role: "tab", ariaSelected: String(name === state.tab), "aria-controls": `panel-${name}`, tabIndex: name === state.tab ? 0 : -1, onkeydown: (event) => move(event, number),
	})));
	for (const name of Object.keys(PANELS)) {
		$(`panel-${name}`).hidden = name !== state.tab;
		$(`panel-${name}`).setAttribute("aria-labelledby", `tab-${name}`);
	}
	(async () => PANELS[state.tab]?.())().catch(complain);
}

function render() {
	document.body.classList.toggle("trains", trains);
	$("key").hidden = !config.trains || trains;
	$("welcome").hidden = Boolean(state.agent);
	$("work").hidden = !state.agent;
	show("preview", ...word("rows").filter((_, number) => number % 5 < 2).flatMap((row) => [h("dt", {}, row.text), h("dd", {}, row.label)]));
	$("set-threshold").hidden = !config.sets_thresholds;
	$("question").value ||= state.question;
	for (const id of LINES) $(id).value ||= state[id] || word("suggestions").join("\n");
	renderAnswer();
	renderExamples();
	renderTabs();
}

async function mayTrain() {
	if (!config.trains || !token) return false;
	try { await api(at("/examples", state.agent || t("sample"))); } catch (error) { return ![401, 403].includes(error.status); }
	return true;
}

async function begun() {
	trains = await mayTrain();
	try { await loadAgents(); } catch (error) { if (error.status === 401) $("token-box").showModal(); throw error; }
	const known = agents.includes(state.agent) || (trains && state.agent);
	await choose(known ? state.agent : (agents[0] ?? ""));
}

const on = (id, event, work) => $(id).addEventListener(event, guarded(work));
on("language", "click", () => { speak(state.language === "en" ? "ko" : "en"); render(); });
on("agent", "change", async () => { const name = $("agent").value; await flush(); state.question = $("question").value = ""; await choose(name); });
on("new", "click", () => openMaker(true));
on("own", "click", () => openMaker(true));
function sample() {
	let name = t("sample");
	for (let number = 2; agents.includes(name); number += 1) name = `${t("sample")} ${number}`;
	$("name").value = name;
	$("paste").value = csv(word("rows"));
}
on("start", "click", () => { sample(); making = true; return made(); });
on("example", "click", sample);
on("ask-form", "submit", () => {
	const text = $("question").value.trim();
	if (text && info) return ask(text);
	waiting = text;
	show("answer", muted(t("queued")));
});
on("add", "submit", () => {
	const text = $("add-text").value.trim(), label = labelOf($("add-label").value);
	if (!text || label === "") return;
	change((all) => [{ text, label }, ...without(all, text)]);
	$("add-text").value = "";
	$("add-text").focus();
});
on("undo", "click", () => { rows = history.pop() ?? rows; save(); renderExamples(); });
on("teach", "click", teach);
on("import", "click", () => openMaker(false));
on("maker-close", "click", () => $("maker").close());
$("maker-form").addEventListener("submit", async (event) => {
	event.preventDefault();
	$("maker-problem").textContent = "";
	try { await made(); } catch (error) { if ($("maker").open) $("maker-problem").textContent = error.message; else complain(error); }
});
on("file", "change", async () => { const [file] = $("file").files; if (file) $("paste").value = await readFile(file); $("file").value = ""; });
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", guarded(async (event) => {
	const [file] = event.dataTransfer.files;
	if (!file || !trains) return;
	if (!$("maker").open) openMaker(!state.agent);
	$("paste").value = await readFile(file);
}));
on("set-threshold", "click", async () => {
	await api(`admin/agents/${encodeURIComponent(state.agent)}/threshold`, { threshold: Number($("threshold").value) });
	await renew(state.agent);
});
on("check", "click", check);
on("batch", "click", batch);
on("compare", "click", compare);
on("download", "click", async () => hand(await (await request(at("/archive"))).blob(), `${state.agent}.zip`));
on("save-csv", "click", () => hand(new Blob(["\ufeff", csv(rows)]), `${state.agent}.csv`));
on("publish", "submit", publish);
on("key", "click", () => $("token-box").showModal());
on("token-close", "click", () => $("token-box").close());
on("token-form", "submit", async () => {
	token = $("token").value.trim();
	$("token").value = "";
	$("token-box").close();
	await begun();
	if (config.trains && !trains) throw new Error(t("tokenWrong"));
});
for (const id of ["question", ...LINES]) $(id).addEventListener("input", () => { state[id] = $(id).value; remember(); });
document.addEventListener("keydown", (event) => {
	if ((event.ctrlKey || event.metaKey) && event.key === "z" && !/^(INPUT|TEXTAREA)$/.test(event.target.tagName)) $("undo").click();
});
addEventListener("pagehide", () => { flush({ keepalive: true }).catch(() => null); });

speak(state.language in WORDS ? state.language : navigator.language.startsWith("ko") ? "ko" : "en");
guarded(async () => {
	config = await api("playground/config.json");
	await begun();
})();
