"use strict";
(() => {
  const columns = ["key", "subtask", "accept", "en", "cn", "reasoning_points", "reasoning_points_cn"];
  const candidates = [...document.querySelectorAll(".candidate")];
  const left = document.getElementById("left");
  const save = document.getElementById("save");

  // Texts travel in templates, where a line break is written out.
  for (const text of document.querySelectorAll("template[data-for]")) {
    const field = text.parentElement.querySelector(`[data-column="${text.dataset.for}"]`);
    field.value = text.content.textContent.replaceAll("⏎", "\n");
  }

  const marked = (one) => {
    const chosen = one.querySelector("input:checked");
    return chosen ? chosen.value : "";
  };
  const quoted = (text) => `"${text.replaceAll('"', '""')}"`;

  function row(one) {
    return columns.map((name) => {
      if (name === "accept") return marked(one);
      if (name in one.dataset) return quoted(one.dataset[name]);
      const field = one.querySelector(`[data-column="${name}"]`);
      return quoted(field ? field.value : "");
    }).join(",");
  }

  function count() {
    const open = candidates.filter((one) => !marked(one)).length;
    left.textContent = `${open} of ${candidates.length} not marked yet`;
  }

  document.addEventListener("change", count);
  save.addEventListener("click", () => {
    const text = [columns.join(","), ...candidates.map(row)].join("\r\n");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    link.download = save.dataset.name;
    link.click();
    URL.revokeObjectURL(link.href);
  });
  count();
})();
