// The editor's chain: a step is dragged by its handle, or moved with Alt and an arrow key. The server keeps the order.
const items = () => [...document.querySelectorAll("#chain li[data-step]")];
const move = (id, to) => {
  const map = document.getElementById("map"), form = map ?? document.getElementById("order"), b = document.createElement("button");
  if (!map) form.elements.part.value = id;
  Object.assign(b, { type: "submit", name: "do", value: `move:${id}:${to}`, hidden: true }); form.append(b);
  sessionStorage.setItem("moved", id); form.requestSubmit(b);
};

addEventListener("pointerdown", (e) => {
  const grip = e.target.closest?.("#chain .grip"), li = grip?.closest("li"); if (!li || e.button) return;
  e.preventDefault(); grip.setPointerCapture(e.pointerId);
  const all = items(), from = all.indexOf(li), held = e.clientY - li.getBoundingClientRect().top; let at = from, by = 0, y = e.clientY, over = false;
  const place = () => {
    if (!li.isConnected) { end(false); return; }
    by += y - held - li.getBoundingClientRect().top; li.style.transform = `translateY(${by}px)`;
    const middle = li.getBoundingClientRect().top + li.offsetHeight / 2;
    at = all.filter((o) => { const r = o.getBoundingClientRect(); return o !== li && r.top + r.height / 2 < middle; }).length;
    all.forEach((o, n) => { o.classList.toggle("drop-before", at < from && n === at); o.classList.toggle("drop-after", at > from && n === at); });
  };
  // Near an edge of the window the page moves on under the pointer.
  const roll = () => { if (over) return; const d = y < 72 ? -8 : y > innerHeight - 72 ? 8 : 0; if (d) { (li.closest(".chain").scrollTop += d, scrollBy(0, d)); place(); } requestAnimationFrame(roll); };
  const end = (keep) => {
    over = true; li.classList.remove("dragged"); li.style.transform = ""; all.forEach((o) => o.classList.remove("drop-before", "drop-after"));
    grip.removeEventListener("pointermove", onMove); removeEventListener("keydown", onKey, true);
    if (keep && at !== from) move(li.dataset.step, at);
  };
  const onMove = (m) => { y = m.clientY; place(); }, onKey = (k) => { if (k.key === "Escape") { k.stopPropagation(); end(false); } };
  li.classList.add("dragged"); grip.addEventListener("pointermove", onMove); addEventListener("keydown", onKey, true);
  grip.addEventListener("pointerup", () => over || end(true), { once: true }); grip.addEventListener("pointercancel", () => over || end(false), { once: true });
  requestAnimationFrame(roll);
});
addEventListener("keydown", (e) => {
  const by = { ArrowUp: -1, ArrowDown: 1 }[e.key], li = e.target.closest?.("#chain li[data-step]"); if (!li || !by || !e.altKey) return;
  e.preventDefault(); const all = items(), to = all.indexOf(li) + by; if (to >= 0 && to < all.length) move(li.dataset.step, to);
});
// After the move the page is drawn anew: the step keeps the focus, and its place is said.
const id = sessionStorage.getItem("moved"), all = items(), at = all.findIndex((o) => o.dataset.step === id);
sessionStorage.removeItem("moved");
if (at >= 0) { const a = all[at].querySelector(".node"); a.focus(); setTimeout(() => { document.getElementById("announce").textContent = `${a.querySelector(".t").textContent} is step ${at + 1} of ${all.length} now.`; }, 200); }
