package org.edgefrac.core

/** A rectangle in pixels of the image. */
data class Box(val x: Double, val y: Double, val width: Double, val height: Double)

/** A place that speaks for a fracture: what it adds to the log-odds, and its [share] of all that speaks for one. */
class Region(val box: Box, val logOdds: Double, val share: Double)

/** Connected places of an evidence map that reach the outline and add enough, as `edgefrac explain` finds them. */
class Regions(private val display: Display) {
    /** The regions of [evidence], the strongest first. */
    fun of(evidence: EvidenceMap, placement: Placement, bias: Double, temperature: Double): List<Region> {
        val scale = minOf(1.0, LONGER_SIDE / maxOf(placement.width, placement.height))
        val width = maxOf(1, Math.rint(placement.width * scale).toInt())
        val height = maxOf(1, Math.rint(placement.height * scale).toInt())
        val added = evidence.density(bias, temperature).spread(placement, width, height)
        val input = placement.size.toDouble() * placement.size
        val area = 100.0 * placement.rows * placement.columns / input / added.size
        for (index in added.indices) added[index] *= area.toFloat() // from a density to what each sample adds
        val outline = (display.outline * 100 * placement.rows * placement.columns / input / added.size).toFloat()
        val speaking = added.sumOf { maxOf(it, 0f).toDouble() }
        val scaleX = placement.width.toDouble() / width
        val scaleY = placement.height.toDouble() / height
        val found = ArrayList<Region>()
        val seen = BooleanArray(added.size)
        for (index in added.indices) {
            if (seen[index] || added[index] < outline) continue
            val place = fill(added, seen, outline, width, height, index)
            if (place.sum >= display.least) found.add(Region(place.box(scaleX, scaleY), place.sum, place.sum / speaking))
        }
        return found.sortedByDescending { it.logOdds }
    }

    private class Place {
        var sum = 0.0
        private var left = Int.MAX_VALUE
        private var right = 0
        private var top = Int.MAX_VALUE
        private var bottom = 0

        fun add(x: Int, y: Int, value: Float) {
            sum += value
            left = minOf(left, x)
            right = maxOf(right, x + 1)
            top = minOf(top, y)
            bottom = maxOf(bottom, y + 1)
        }

        fun box(scaleX: Double, scaleY: Double) =
            Box(left * scaleX, top * scaleY, (right - left) * scaleX, (bottom - top) * scaleY)
    }

    /** All that is joined to [first], corners included. */
    private fun fill(added: FloatArray, seen: BooleanArray, outline: Float, width: Int, height: Int, first: Int): Place {
        val place = Place()
        val waiting = ArrayDeque(listOf(first))
        seen[first] = true
        while (waiting.isNotEmpty()) {
            val at = waiting.removeLast()
            val x = at % width
            val y = at / width
            place.add(x, y, added[at])
            for (nearY in maxOf(0, y - 1)..minOf(height - 1, y + 1)) {
                for (nearX in maxOf(0, x - 1)..minOf(width - 1, x + 1)) {
                    val near = nearY * width + nearX
                    if (!seen[near] && added[near] >= outline) {
                        seen[near] = true
                        waiting.addLast(near)
                    }
                }
            }
        }
        return place
    }

    private companion object {
        const val LONGER_SIDE = 512.0 // samples along which regions are outlined
    }
}
