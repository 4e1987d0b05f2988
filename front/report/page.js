// Sorting and filtering of the plan table. Without JavaScript the table is complete and in its first order.
(() => {
  "use strict";
  for (const table of document.querySelectorAll("table[data-sortable]")) {
    const body = table.tBodies[0];
    const rows = Array.from(body.rows);
    const heads = Array.from(table.tHead.rows[0].cells);
    const value = (row, column) => {
      const cell = row.cells[column];
      if (!("value" in cell.dataset)) return cell.textContent.trim().toLowerCase();
      return cell.dataset.value === "" ? null : Number(cell.dataset.value);
    };
    heads.forEach((head, column) => {
      const button = head.querySelector("button");
      if (!button) return;
      button.addEventListener("click", () => {
        const now = head.getAttribute("aria-sort");
        const falling = now ? now === "ascending" : head.dataset.first === "descending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", falling ? "descending" : "ascending");
        const order = rows.map((row, place) => [value(row, column), place, row]);
        order.sort(([a, i], [b, j]) => {
          if (a === null || b === null) return (a === null) - (b === null) || i - j;
          const way = typeof a === "number" ? a - b : a.localeCompare(b);
          return (falling ? -way : way) || i - j;
        });
        body.append(...order.map((entry) => entry[2]));
      });
    });

    const form = document.querySelector(`form[data-filters="${table.id}"]`);
    if (!form) continue;
    form.hidden = false;
    const count = document.getElementById(`${table.id}-count`);
    const apply = () => {
      const words = form.elements.words.value.toLowerCase().split(/\s+/).filter(Boolean);
      const exact = ["rule", "samples", "size"].map((name) => [name, form.elements[name].value]);
      let shown = 0;
      for (const row of rows) {
        const pool = row.cells[0].textContent.toLowerCase();
        const keep = words.every((word) => pool.includes(word))
          && exact.every(([name, wanted]) => wanted === "" || row.dataset[name] === wanted);
        row.hidden = !keep;
        shown += keep;
      }
      count.textContent = `${shown.toLocaleString("en")} of ${rows.length.toLocaleString("en")} plans shown`;
    };
    form.addEventListener("input", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
    apply();
  }
})();
