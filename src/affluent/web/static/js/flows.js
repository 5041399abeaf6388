// The page of a flow: rows of a table without a round trip, numbered lines beside JSON. Without script both work through the server.
const number = (rows) => rows.forEach((tr, n) => {
  for (const f of tr.querySelectorAll("input")) { f.name = f.name.replace(/\.\d+\./, `.${n}.`); f.ariaLabel = f.ariaLabel.replace(/\d+$/, n + 1); }
  const b = tr.querySelector("button"); b.value = b.value.replace(/\d+$/, n); b.ariaLabel = `Remove row ${n + 1}`;
});
addEventListener("click", (e) => {
  const b = e.target.closest("[data-rows] button[name=do]"); if (!b) return;
  e.preventDefault();
  const body = b.closest("[data-rows]").querySelector("tbody"), adds = b.value.startsWith("add");
  const tr = adds ? body.lastElementChild.cloneNode(true) : b.closest("tr");
  if (adds) { for (const f of tr.querySelectorAll("input")) f.value = ""; body.append(tr); }
  else if (body.children.length > 1) tr.remove(); else for (const f of tr.querySelectorAll("input")) f.value = "";
  number([...body.children]); body.lastElementChild.querySelector("input").focus();
});
for (const box of document.querySelectorAll(".json-edit")) {
  const area = box.querySelector("textarea"), nums = box.querySelector(".nums");
  const draw = () => { const n = area.value.split("\n").length; nums.textContent = Array.from({ length: n }, (_, k) => k + 1).join("\n"); nums.scrollTop = area.scrollTop; };
  area.addEventListener("input", draw); area.addEventListener("scroll", () => { nums.scrollTop = area.scrollTop; }); draw();
}
