// Filters, sorts and unfolds what is already there. Without this script everything can be read all the same.
"use strict";

for (const page of document.querySelectorAll("section.nc")) {
  const tools = page.querySelector("form.tools");
  const lists = [...page.querySelectorAll(".list")];
  const items = lists.flatMap((list) => [...list.children]).filter((item) => item.classList.contains("item"));
  const words = new Map();
  const said = tools.querySelector("output");

  const textOf = (item) => {
    if (!words.has(item)) words.set(item, item.textContent.toLowerCase());
    return words.get(item);
  };

  const fits = (item, wanted, vantage, standings) =>
    item.dataset.standing.split(" ").some((standing) => standings.has(standing)) &&
    (!vantage || !item.dataset.vantage || item.dataset.vantage.split(" ").includes(vantage)) &&
    wanted.every((word) => textOf(item).includes(word));

  const filter = () => {
    const wanted = tools.words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const vantage = tools.vantage ? tools.vantage.value : "";
    const boxes = [...tools.querySelectorAll("input[name=standing]")];
    const standings = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    let shown = 0;
    for (const item of items) {
      item.hidden = !fits(item, wanted, vantage, standings);
      if (!item.hidden && item.classList.contains("requirement")) shown += 1;
    }
    said.textContent = `${shown} of ${items.filter((item) => item.classList.contains("requirement")).length} requirements`;
  };

  const sort = () => {
    const key = tools.sort.value;
    const upwards = key === "count" ? -1 : 1;
    const order = (item) => Number(item.dataset.order);
    for (const list of lists) {
      const sorted = [...list.children].sort(
        (one, two) => upwards * (Number(one.dataset[key]) - Number(two.dataset[key])) || order(one) - order(two),
      );
      list.append(...sorted);
    }
  };

  const unfold = (open) => {
    for (const fold of page.querySelectorAll("details")) fold.open = open;
  };

  tools.addEventListener("submit", (event) => event.preventDefault());
  tools.addEventListener("input", filter);
  tools.sort.addEventListener("change", sort);
  tools.elements.open.addEventListener("click", () => unfold(true));
  tools.elements.close.addEventListener("click", () => unfold(false));
  tools.hidden = false;
  filter();
}

// A link into something that is filtered away, or folded, shows it.
const reveal = () => {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  for (let at = target; at; at = at.parentElement) {
    if (at.hidden) at.hidden = false;
    if (at.tagName === "DETAILS") at.open = true;
  }
  target.scrollIntoView();
};
addEventListener("hashchange", reveal);
reveal();
