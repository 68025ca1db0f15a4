"use strict";
// Everything is in the page already; this shows one snapshot at a time, where a slider can choose it.
for (const timeline of document.querySelectorAll(".timeline")) {
  const slider = timeline.querySelector("input");
  const output = timeline.querySelector("output");
  const snapshots = [...timeline.querySelectorAll(".snapshot")];
  const show = () => {
    snapshots.forEach((snapshot, place) => { snapshot.hidden = place !== slider.valueAsNumber; });
    const shown = snapshots[slider.valueAsNumber];
    const title = shown.querySelector("h4").textContent;
    const measured = shown.querySelector(".measured").textContent.replace(/\s+/g, " ");
    output.textContent = title;
    // A screen reader says this as the slider moves: once, and all of it. The output is for the eye.
    slider.setAttribute("aria-valuetext", `${title}: ${measured.trim()}`);
  };
  slider.addEventListener("input", show);
  timeline.querySelector(".controls").hidden = false;
  timeline.classList.add("live");
  show();
}
addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("details")) folded.open = true;
});
