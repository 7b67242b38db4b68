"""Bars as SVG, without any library: groups of bars beside each other, a line for a bound."""

from xml.sax.saxutils import escape

WIDTH, HEIGHT = 960, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 50, 60
COLOURS = ("#2b6cb0", "#dd6b20", "#718096", "#38a169", "#805ad5")


def text(x, y, words, anchor="middle", size=13, **more):
    style = "".join(f' {key}="{value}"' for key, value in more.items())
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"{style}>'
            f"{escape(words)}</text>")


def step_of(top):
    """A round distance of grid lines, at most eight of them: 1, 2, 5, 10, 20 …"""
    steps = (factor * 10 ** power for power in range(12) for factor in (1, 2, 5))
    return next(step for step in steps if top / step <= 8)


def bars(title, unit, groups, names, lines=()):
    """groups: [(label, {name: value})]; names: of the bars, in their order; lines: [(label, value,
    groups it spans)], in the order of the groups."""
    top = max([v for _, values in groups for v in values.values()] + [v for _, v, _ in lines]) * 1.08
    plot_w, plot_h = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    group_w = plot_w / len(groups)
    bar_w = group_w * 0.8 / len(names)

    def y(value):
        return TOP + plot_h * (1 - value / top)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
           f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
           text(LEFT, 22, f"{title}, {unit}", "start", 16)]
    step = step_of(top)
    for i in range(int(top / step) + 1):
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(i * step):.1f}" '
                   f'y2="{y(i * step):.1f}" stroke="#e2e8f0"/>')
        out.append(text(LEFT - 8, y(i * step) + 4, str(i * step), "end"))
    for g, (label, values) in enumerate(groups):
        x = LEFT + g * group_w + group_w * 0.1
        for n, name in enumerate(names):
            if name not in values:
                continue
            at, value = x + n * bar_w, values[name]
            out.append(f'<rect x="{at:.1f}" y="{y(value):.1f}" width="{bar_w * 0.92:.1f}" '
                       f'height="{max(plot_h + TOP - y(value), 0.5):.1f}" '
                       f'fill="{COLOURS[n % len(COLOURS)]}"/>')
            out.append(text(at + bar_w * 0.46, y(value) - 4, f"{value:.0f}", size=11))
        out.append(text(LEFT + (g + 0.5) * group_w, HEIGHT - BOTTOM + 20, label))
    first = 0
    for label, value, span in lines:
        x1, x2 = LEFT + first * group_w, LEFT + (first + span) * group_w
        out.append(f'<line x1="{x1:.1f}" x2="{x2:.1f}" y1="{y(value):.1f}" y2="{y(value):.1f}" '
                   'stroke="#c53030" stroke-width="2" stroke-dasharray="6 4"/>')
        out.append(text(x2 - 6, y(value) - 6, f"{label} {value:.0f}", "end", fill="#c53030"))
        first += span
    for n, name in enumerate(names):
        x = LEFT + n * 140
        out.append(f'<rect x="{x}" y="{HEIGHT - 22}" width="12" height="12" '
                   f'fill="{COLOURS[n % len(COLOURS)]}"/>')
        out.append(text(x + 18, HEIGHT - 12, name, "start"))
    return "\n".join(out + ["</svg>", ""])
