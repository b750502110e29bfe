package org.edgefrac.core

/**
 * One channel of the model's evidence, [rows] × [columns] cells in log-odds, row by row.
 *
 * The cells tile the network input evenly, its padding included.
 */
class EvidenceMap(val columns: Int, val rows: Int, val cells: FloatArray) {
    init {
        require(cells.size == columns * rows) { "$columns × $rows cells in ${cells.size} values" }
    }

    /** Calibrated log-odds per 1 % of the network input's area, of each cell. */
    fun density(bias: Double, temperature: Double): EvidenceMap {
        val added = bias.toFloat()
        val divisor = (100 * temperature).toFloat()
        return EvidenceMap(columns, rows, FloatArray(cells.size) { (cells[it] + added) / divisor })
    }

    /**
     * Centre (x, y) of the strongest cell, in pixels of the image; the first in reading order wins a tie.
     *
     * Only cells whose centre lies on the image count, or the nearest where there is none.
     */
    fun peak(placement: Placement): Pair<Double, Double> {
        val across = centresWithin(columns, placement.size, placement.left, placement.columns)
        val down = centresWithin(rows, placement.size, placement.top, placement.rows)
        var best = across.first() to down.first()
        for (row in down) {
            for (column in across) {
                if (cells[row * columns + column] > cells[best.second * columns + best.first]) best = column to row
            }
        }
        val x = (best.first + 0.5) * placement.size / columns
        val y = (best.second + 0.5) * placement.size / rows
        return placement.sourceX(x) to placement.sourceY(y)
    }

    /** The map on the image, linear between cell centres, [width] × [height] samples spread over it, row by row. */
    fun spread(placement: Placement, width: Int, height: Int): FloatArray {
        val along = Blend(columns, placement.size, placement.left, placement.columns, width)
        val down = Blend(rows, placement.size, placement.top, placement.rows, height)
        val wide = FloatArray(rows * width)
        for (row in 0 until rows) {
            for (x in 0 until width) {
                val before = cells[row * columns + along.cell[x]]
                val after = cells[row * columns + along.next[x]]
                wide[row * width + x] = along.share[x] * (after - before) + before
            }
        }
        val found = FloatArray(width * height)
        for (y in 0 until height) {
            val above = down.cell[y] * width
            val below = down.next[y] * width
            for (x in 0 until width) {
                found[y * width + x] = down.share[y] * (wide[below + x] - wide[above + x]) + wide[above + x]
            }
        }
        return found
    }

    private fun centresWithin(count: Int, size: Int, start: Int, extent: Int): List<Int> {
        fun centre(index: Int) = (index + 0.5) * size / count
        val inside = (0 until count).filter { centre(it) >= start && centre(it) <= start + extent }
        if (inside.isNotEmpty()) return inside
        val middle = (start + start + extent) / 2.0
        val nearest = (0 until count).minOf { Math.abs(centre(it) - middle) }
        return (0 until count).filter { Math.abs(centre(it) - middle) == nearest }
    }

    /** Along one axis: between which two cells each sample lies, and how far from the first. */
    private class Blend(cells: Int, size: Int, start: Int, extent: Int, samples: Int) {
        val cell = IntArray(samples)
        val next = IntArray(samples)
        val share = FloatArray(samples)

        init {
            for (sample in 0 until samples) {
                val position = start + (sample + 0.5) * extent / samples
                val index = (position * cells / size - 0.5).coerceIn(0.0, (cells - 1).toDouble())
                cell[sample] = index.toInt()
                next[sample] = minOf(cell[sample] + 1, cells - 1)
                share[sample] = (index - cell[sample]).toFloat()
            }
        }
    }
}
