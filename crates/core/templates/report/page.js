
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const [search, status, matches, table] = ["search", "status", "matches", "catalog"].map(byId);
  const body = table.tBodies[0];
  const articles = document.querySelectorAll("article");
  const entries = [...body.rows].map((row, number) => ({
    row,
    article: articles[number],
    text: articles[number].textContent.toLowerCase() + " " + row.dataset.status,
  }));
  const heads = [...table.tHead.rows[0].cells];

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const { row, article, text } of entries) {
      const hasStatus = !status.value || row.dataset.status === status.value;
      const fits = hasStatus && words.every((word) => text.includes(word));
      row.hidden = article.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    matches.textContent = `${shown} of ${entries.length} shown`;
  }

  function sort(column, direction) {
    heads.forEach((head, number) => {
      head.setAttribute("aria-sort", number === column ? direction : "none");
    });
    const { compare } = new Intl.Collator(undefined, { numeric: true });
    const sign = direction === "ascending" ? 1 : -1;
    const keyed = entries.map((entry) => [entry.row.cells[column].textContent, entry.row]);
    keyed.sort(([one], [other]) => sign * compare(one, other));
    body.append(...keyed.map(([, row]) => row));
  }

  // Applies a linked search: #?q=payments&status=deprecated&sort=owner
  function applyHash() {
    if (!location.hash.startsWith("#?")) return;
    const query = new URLSearchParams(location.hash.slice(2));
    search.value = query.get("q") ?? "";
    status.value = query.get("status") ?? "";
    const column = heads.findIndex((head) => head.textContent.toLowerCase() === query.get("sort"));
    const direction = query.get("order") === "descending" ? "descending" : "ascending";
    if (column >= 0) sort(column, direction);
    filter();
  }

  heads.forEach((head, number) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    head.setAttribute("aria-sort", number === 0 ? "ascending" : "none");
    button.addEventListener("click", () => {
      sort(number, head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending");
    });
  });
  search.addEventListener("input", filter);
  status.addEventListener("change", filter);
  search.form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", applyHash);
  document.documentElement.classList.add("js");
  filter();
  applyHash();
})();
