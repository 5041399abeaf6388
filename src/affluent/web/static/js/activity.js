// Activity: filters apply at once; rows that arrive while one reads further down wait behind a button.
const rows = document.getElementById("rows"), pill = document.getElementById("fresh");
for (const s of document.querySelectorAll("[data-filters] select")) s.addEventListener("change", () => s.form.requestSubmit());
for (const f of document.querySelectorAll("[data-filters]")) f.addEventListener("formdata", (e) => { for (const [k, v] of [...e.formData]) if (!v) e.formData.delete(k); });
if (rows && pill) {
  const newest = () => rows.querySelector("tbody tr")?.id ?? "";
  const scrolled = () => scrollY > 160;
  let seen = newest();
  const hold = () => {
    if (!scrolled()) seen = newest();
    let held = 0;
    for (const r of rows.querySelectorAll("tbody tr")) { const late = r.id > seen; if (r.hidden !== late) r.hidden = late; held += late; }
    pill.hidden = !held; const text = `${held} new`; if (held && pill.textContent !== text) pill.textContent = text;
  };
  new MutationObserver(hold).observe(document.querySelector(".page"), { childList: true, subtree: true });
  addEventListener("scroll", () => { if (!scrolled()) hold(); }, { passive: true });
  pill.addEventListener("click", () => { scrollTo({ top: 0 }); seen = newest(); hold(); });
}
