"use strict";
// A table that is wider than its place says so; without a script its shadows still do.
{
  const boxes = [...document.querySelectorAll(".scroll")];
  const mark = () => {
    for (const box of boxes) box.classList.toggle("wide", box.scrollWidth > box.clientWidth + 1);
  };
  const sizes = new ResizeObserver(mark);
  for (const box of boxes) {
    sizes.observe(box);
    sizes.observe(box.firstElementChild);
  }
  mark();
}
