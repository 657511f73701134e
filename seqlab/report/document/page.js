for (const table of document.querySelectorAll("table")) {
  table.querySelectorAll("thead th").forEach((th, column) => {
    const button = document.createElement("button");
    button.textContent = th.textContent;
    th.replaceChildren(button);
    button.addEventListener("click", () => {
      const up = th.getAttribute("aria-sort") === "descending";
      const value = row => { const td = row.cells[column]; return "value" in td.dataset ? Number(td.dataset.value) : td.textContent; };
      const compare = (a, b) => typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), undefined, { numeric: true });
      const empty = row => row.cells[column].textContent === "";
      const rows = [...table.tBodies[0].rows];
      rows.sort((a, b) => empty(a) - empty(b) || (up ? 1 : -1) * compare(value(a), value(b)));
      table.tBodies[0].append(...rows);
      table.querySelectorAll("th").forEach(other => other.removeAttribute("aria-sort"));
      th.setAttribute("aria-sort", up ? "ascending" : "descending");
    });
  });
}
