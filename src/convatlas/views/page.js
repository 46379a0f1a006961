(() => {
  "use strict";
  const root = document.documentElement;
  const wanted = location.hash.slice(1);
  const remember = (value) => { try { localStorage.setItem("convatlas-theme", value); } catch { /* a page from disk may not */ } };
  const recall = () => { try { return localStorage.getItem("convatlas-theme"); } catch { return null; } };
  const theme = ["light", "dark"].includes(wanted) ? wanted : recall();
  if (theme) root.dataset.theme = theme;

  const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;

  function sortable(table) {
    const body = table.tBodies[0];
    const heads = [...table.querySelectorAll("th[data-first]")];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const now = head.getAttribute("aria-sort");
        const next = now === "ascending" ? "descending" : now === "descending" ? "ascending" : head.dataset.first;
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", next);
        const way = next === "ascending" ? 1 : -1;
        const key = (row) => row.cells[column]?.dataset.value;
        const rows = [...body.rows];
        rows.sort((a, b) => {
          const x = key(a), y = key(b);
          if (x === undefined || y === undefined) return (x === undefined) - (y === undefined);
          return way * (column === 0 ? x.localeCompare(y, "en", { numeric: true }) : x - y);
        });
        body.append(...rows);
      });
    });
  }

  addEventListener("DOMContentLoaded", () => {
    const toggle = document.querySelector("#theme");
    const say = () => { toggle.textContent = isDark() ? "Light" : "Dark"; };
    toggle.hidden = false;
    toggle.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      remember(root.dataset.theme);
      say();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", say);
    say();
    document.querySelectorAll("table.sortable").forEach(sortable);
    document.querySelectorAll("button[data-copy]").forEach((button) => {
      button.hidden = false;
      button.addEventListener("click", async () => {
        const source = document.getElementById(button.dataset.copy);
        try {
          await navigator.clipboard.writeText(source.textContent);
          button.textContent = "Copied";
        } catch {
          getSelection().selectAllChildren(source);
          button.textContent = "Selected";
        }
        setTimeout(() => { button.textContent = "Copy"; }, 1600);
      });
    });
  });
})();
