// SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
// SPDX-License-Identifier: GPL-3.0-or-later

// Show the view in the open tab, without records, with all its pages
var open = async ({model, id, type, tabs}) => {
    const screen = new Sao.Screen(model, {
        view_ids: [id], mode: [type],
        tab_domain: tabs.map(name => [name, [], false])});
    await screen.switch_view();
    jQuery('#tabcontent > .tab-pane.active > .panel > .panel-body'
        + ' > :not(.attachment-preview)')
        .empty().append(screen.screen_container.el);
    await screen.display();
    while (jQuery.active)
        await new Promise(resolve => setTimeout(resolve, 20));
    const {el, columns, tbody} = screen.current_view;
    el.find('.tab-pane').css({display: 'block', opacity: 1});
    if (type != 'tree') return;
    // A row of the buttons
    const row = jQuery('<tr/>').append('<td/><td/>').appendTo(tbody);
    for (const column of columns) {
        const widget = jQuery('<span/>', {'class': 'widget'});
        if (column instanceof Sao.View.Tree.ButtonColumn)
            widget.append(column.render(null));
        jQuery('<td/>').toggle(column.get_visible()).append(
            jQuery('<div/>', {'class': 'cell'}).append(widget)).appendTo(row);
    }
};

// How wide the text is, and how much of it can be seen
var seen = node => {
    const range = document.createRange();
    range.selectNodeContents(node);
    const {left, right} = range.getBoundingClientRect();
    let [from, to] = [left, right];
    for (let el = node.parentElement; el; el = el.parentElement) {
        // The columns and tabs of a list can be scrolled
        if (el.matches('.treeview, .tab-domain')) break;
        if (getComputedStyle(el).overflowX == 'visible') continue;
        const room = el.getBoundingClientRect();
        from = Math.max(from, room.left);
        to = Math.min(to, room.right);
    }
    return {shown: Math.round(to - from), width: Math.round(right - left)};
};

// Put the area's texts in each language; tell what is cut of them
var measure = ([selector, texts]) => {
    const area = document.querySelector(selector);
    const walker = document.createTreeWalker(area, NodeFilter.SHOW_TEXT);
    const found = [];
    const nodes = [];
    while (walker.nextNode()) {
        const node = walker.currentNode;
        const text = node.nodeValue.trim();
        if (texts[text] && node.parentElement.offsetParent)
            nodes.push([node, {en: text, ...texts[text]}]);
    }
    for (const language of ['en', ...Object.keys(Object.values(texts)[0])]) {
        for (const [node, told] of nodes)
            node.nodeValue = told[language];
        for (const [node, told] of nodes) {
            const {shown, width} = seen(node);
            if (shown < width)
                found.push({language, shown, width, text: told[language]});
        }
    }
    for (const [node, told] of nodes)
        node.nodeValue = told.en;
    return found;
};
