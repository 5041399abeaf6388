// Small page behaviours. No framework, no inline code, no eval.
const $ = (s, r = document) => r.querySelector(s), $$ = (s, r = document) => r.querySelectorAll(s);
document.documentElement.classList.add("scripted");

// Dialogs: links with data-dialog open them, data-close closes; one the server sent open becomes modal.
const show = (d) => { if (d && !d.matches(":modal")) { d.removeAttribute("open"); d.showModal(); if (d.id === "find") $("#q-all").dispatchEvent(new Event("find:open")); } };
const modal = () => { for (const d of $$("dialog[data-open]")) { d.removeAttribute("data-open"); show(d); } };
modal();
addEventListener("click", (e) => {
  const opener = e.target.closest("[data-dialog]"), closer = e.target.closest("[data-close]");
  if (opener && !e.ctrlKey && !e.metaKey) { const d = document.getElementById(opener.dataset.dialog); if (d) { e.preventDefault(); opener.closest("details.menu")?.removeAttribute("open"); show(d); } }
  if (closer) { const d = closer.closest("dialog"); if (d?.matches(":modal")) { e.preventDefault(); d.close(); } }
  for (const m of $$("details.menu[open]")) if (!m.contains(e.target)) m.open = false;
});
// A dialog that came with its own address (?dialog=…) gives it back when it closes.
addEventListener("close", (e) => { const u = new URL(location); if (e.target.id && u.searchParams.get("dialog") === e.target.id) { u.searchParams.delete("dialog"); history.replaceState(null, "", u); } }, true);

// Keyboard: "/" this page's search, Ctrl/Cmd+K everything, "?" the list, g then a letter a page, j and k the rows.
let before = "";
const step = (by) => {
  const rows = [...$$("[data-row]")]; if (!rows.length) return false;
  const at = rows.indexOf(document.activeElement); rows[Math.min(Math.max(at + by, 0), rows.length - 1)].focus(); return true;
};
addEventListener("keydown", (e) => {
  if (e.key.toLowerCase() === "k" && (e.metaKey || e.ctrlKey)) { e.preventDefault(); show($("#find")); return; }
  if (e.key === "Escape") { const m = $("details.menu[open]"); if (m) { m.open = false; $("summary", m).focus(); } }
  if (e.target.closest("input, textarea, select, [contenteditable]") || e.metaKey || e.ctrlKey || e.altKey) return;
  if ($("dialog:modal")) return;
  if (e.key === "/") { const s = $("form[data-slash] input"); e.preventDefault(); s ? s.focus() : show($("#find")); }
  if (e.key === "?") show($("#keys"));
  if (before === "g") { const a = $(`a[data-go="${CSS.escape(e.key)}"]`); if (a) a.click(); }
  else if ((e.key === "j" && step(1)) || (e.key === "k" && step(-1))) e.preventDefault();
  before = e.key;
});
$("#find")?.addEventListener("keydown", (e) => {
  if (e.key === "Escape") { e.preventDefault(); e.currentTarget.close(); return; } // a search field would only be emptied
  if (e.key !== "ArrowDown" && e.key !== "ArrowUp") return;
  const all = [$("#q-all"), ...$$("#hits a")], at = all.indexOf(document.activeElement);
  e.preventDefault(); all[(at + (e.key === "ArrowDown" ? 1 : -1) + all.length) % all.length].focus();
});

if (/Mac|iP(hone|ad)/.test(navigator.platform)) for (const k of $$("[data-mac]")) k.textContent = k.dataset.mac;

// Copy.
addEventListener("click", async (e) => {
  const b = e.target.closest("[data-copy]"); if (!b) return;
  try { await navigator.clipboard.writeText(b.dataset.copy); } catch {
    const t = document.createElement("textarea"); t.value = b.dataset.copy; t.className = "vh"; (b.closest("dialog") ?? document.body).append(t); t.select(); document.execCommand("copy"); t.remove(); b.focus();
  }
  b.classList.add("copied"); setTimeout(() => b.classList.remove("copied"), 1600); say("Copied.");
});

// Toasts. A failed request never erases what is on screen: it is said here instead.
const fade = (t, seconds = 6) => setTimeout(() => t.remove(), seconds * 1000);
const say = (text, again) => {
  const t = document.createElement("div"); t.className = "toast"; t.textContent = text; $("#toasts")?.append(t); fade(t, again ? 20 : 6);
  if (again) { const b = document.createElement("button"); b.type = "button"; b.className = "btn btn-sm"; b.textContent = "Try again"; b.addEventListener("click", () => { t.remove(); again(); }); t.append(b); }
};
const toasts = () => { for (const t of $$("[data-toast]")) { t.removeAttribute("data-toast"); fade(t); } };
toasts();
// What was asked for can be asked for again; a form is still there to be sent again, and the editor's draft sends itself.
const again = (ctx) => {
  const { sourceElement: source, request, target, select, swap } = ctx ?? {};
  if (source?.id === "map") return () => source.dispatchEvent(new CustomEvent("draft:change"));
  return request?.method === "GET" && source?.isConnected ? () => htmx.ajax("GET", request.action, { source, target, select, swap }) : null;
};
const failed = (ctx, text) => (ctx?.sourceElement?.id === "live" ? live("Not live: reload the page", false) : say(text, again(ctx)));
document.addEventListener("htmx:response:error", (e) => { if ((e.detail?.ctx?.response?.status ?? 500) >= 500) failed(e.detail?.ctx, "That did not work on our side. What you see was not changed."); });
document.addEventListener("htmx:error", (e) => failed(e.detail?.ctx, "The server did not answer. What you see was not changed."));
// Whether what is shown is kept up to date.
const live = (text, is = true) => { for (const t of $$("[data-live]")) { t.lastElementChild.textContent = text; t.firstElementChild.className = is ? "dot live" : "dot warn"; } };
document.addEventListener("htmx:sse:before:connection", (e) => { if (e.detail.connection.attempt) live("Reconnecting…", false); });
document.addEventListener("htmx:sse:after:connection", () => live("Live"));
document.addEventListener("htmx:sse:error", () => live("Reconnecting…", false));
// What is being waited for is busy: the part that changes, or the button that was pressed.
const busy = (ctx, is) => { const t = ctx?.target; if (t?.nodeType === 1 && ctx.sourceElement?.id !== "live") { if (is) t.setAttribute("aria-busy", "true"); else t.removeAttribute("aria-busy"); } };
document.addEventListener("htmx:before:request", (e) => busy(e.detail?.ctx, true));
document.addEventListener("htmx:finally:request", (e) => busy(e.detail?.ctx, false));
addEventListener("submit", (e) => { const b = e.submitter; if (b && e.target.method === "post" && !e.defaultPrevented) setTimeout(() => { b.setAttribute("aria-busy", "true"); b.disabled = true; }); });
addEventListener("pageshow", () => { for (const b of $$("button[aria-busy]")) { b.removeAttribute("aria-busy"); b.disabled = false; } });

// The current tab is in sight where tabs do not fit.
for (const t of $$(".tabs [aria-current], .aside-nav [aria-current]")) { const p = t.parentElement; p.scrollLeft = Math.max(0, t.getBoundingClientRect().right - p.getBoundingClientRect().right); }
// Times: relative ones move on; the server learns the zone for the absolute ones.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (!document.cookie.includes(`tz=${encodeURIComponent(zone)}`)) document.cookie = `tz=${encodeURIComponent(zone)};path=/;max-age=31536000;samesite=lax${location.protocol === 'https:' ? ';secure' : ''}`;
const spans = [[60, 1, "s"], [3600, 60, "min"], [86400, 3600, "h"], [2592000, 86400, "d"]];
const tick = () => {
  for (const t of $$("time[data-ago]")) {
    const s = Math.trunc((Date.now() - Date.parse(t.dateTime)) / 1000), away = Math.abs(s), f = spans.find((x) => away < x[0]);
    if (f) { const text = away < 1 ? "now" : s > 0 ? `${Math.trunc(away / f[1])} ${f[2]} ago` : `in ${Math.trunc(away / f[1])} ${f[2]}`; if (t.textContent !== text) t.textContent = text; }
  }
};
setInterval(tick, 5000);

document.addEventListener("htmx:after:swap", () => {
  modal(); toasts(); tick();
  // The server judges every field; mirror its verdict for assistive technology.
  for (const f of $$("[aria-describedby]")) { const d = document.getElementById(f.getAttribute("aria-describedby")); if (d?.classList.contains("err")) f.setAttribute("aria-invalid", "true"); else f.removeAttribute("aria-invalid"); }
});
